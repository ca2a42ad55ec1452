# Find every process of the work and end it; needs mark, wrapper, leader and leader_birth.

nap() { sleep 0.1 2>/dev/null || sleep 1; }

# Pids of processes whose environment carries the mark; other users' are unreadable and so not listed.
marked_pids() {
    if printf 'a\0b\0' | grep -zqxF b 2>/dev/null; then
        grep -lzxF "OPSC_STEP=$mark" /proc/[0-9]*/environ 2>/dev/null
    else
        for folder in /proc/[0-9]*; do
            [ -O "$folder" ] || continue
            { tr '\0' '\n' <"$folder/environ"; } 2>/dev/null | grep -qxF "OPSC_STEP=$mark" && echo "$folder/environ"
        done
    fi | while IFS=/ read -r _ _ pid _; do printf '%s ' "$pid"; done
}

# What `kill` has to be told to reach all that lives: the group (-leader) and marked strays outside it.
# The wrapper's own group is left out; a group whose leader was born at another time is somebody else's.
living() {
    marked=$(marked_pids)
    cat /proc/[0-9]*/stat 2>/dev/null | awk \
        -v leader="$leader" -v born="$leader_birth" -v wrapper="${wrapper:--}" -v marked=" $marked" '
        {
            pid = $1
            rest = $0
            sub(/^.*\) /, "", rest)
            if (split(rest, field, " ") < 20 || field[1] == "Z" || field[1] == "X") next
            if (field[3] == wrapper) next
            if (pid == leader && field[20] != born) reused = 1
            if (leader != "" && field[3] == leader) member[pid] = 1
            else if (index(marked, " " pid " ")) stray[pid] = 1
            if (index(marked, " " pid " ")) ours[pid] = 1
        }
        END {
            for (pid in member) if (!reused) group = 1; else if (pid in ours) stray[pid] = 1
            if (group) print "-" leader
            for (pid in stray) print pid
        }'
}

# A group is always named first: dash and busybox take "-TERM -pgid pid" but not "--".
# TERM, $1 tenths of a second of grace, then KILL until two looks in a row find nothing; fails when something stays.
end_work() {
    found=$(living)
    [ -z "$found" ] || kill -TERM $found 2>/dev/null
    left=$1
    while [ -n "$found" ] && [ "$left" -gt 0 ]; do
        nap
        found=$(living)
        left=$((left - 1))
    done
    rounds=0 empty=0
    while [ "$rounds" -lt 30 ]; do
        found=$(living)
        if [ -z "$found" ]; then
            empty=$((empty + 1))
            [ "$empty" -lt 2 ] || return 0
        else
            empty=0
            kill -KILL $found 2>/dev/null
            nap
        fi
        rounds=$((rounds + 1))
    done
    return 1
}
