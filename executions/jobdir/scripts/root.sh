# Talk to the caller, enter the folder of all job directories, read the records of one.

say() { printf 'opsc-answer %s\n' "$*"; }

refuse() {
    say refused "$*"
    exit 0
}

# A folder that another user made for us, or a symbolic link, would let that user choose what runs: refused.
enter_root() {
    cd -P "$1" 2>/dev/null || refuse "$1 is not there"
    base=${PWD%/}
    root=opsconductor-${OPSC_UID:-$(id -u)}
    [ -d "$root" ] || mkdir -m 700 "$root" 2>/dev/null
    cd -P "./$root" 2>/dev/null || refuse "$base/$root cannot be entered"
    [ "$PWD" = "$base/$root" ] || refuse "$base/$root is a symbolic link"
    [ -O . ] || refuse "$base/$root belongs to another user"
}

# state and birth (clock ticks after boot) of process $1; fails when there is none or only its zombie.
observe() {
    line=$(cat "/proc/$1/stat" 2>/dev/null)
    [ -n "$line" ] || return 1
    set -- ${line##*") "}
    birth=${20}
    [ "$1" != Z ] && [ "$1" != X ]
}

# Who works here: wrapper, wrapper_birth, boot, leader, leader_birth; empty while not yet known.
read_records() {
    wrapper= wrapper_birth= boot= leader= leader_birth=
    [ -s process ] && read -r wrapper wrapper_birth boot <process
    [ -s leader ] && read -r leader leader_birth <leader
    [ -n "$boot" ]
}

rebooted() {
    read -r boot_now </proc/sys/kernel/random/boot_id
    [ "$boot" != "$boot_now" ]
}

wrapper_lives() { [ -n "$wrapper" ] && observe "$wrapper" && [ "$birth" = "$wrapper_birth" ]; }
