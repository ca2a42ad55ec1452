# End the work and prove it, or make sure that it never starts. Arguments: base, execution, name, grace (0.1 s).

# A wrapper that was about to start its command is waited for: that command must be seen and ended too.
wrapper_is_done() {
    tries=0
    while [ ! -e exit ] && wrapper_lives; do
        [ "$tries" -lt 20 ] || return 1
        nap
        tries=$((tries + 1))
    done
}

umask 077
enter_root "$1"
mkdir -p "$2/$3" 2>/dev/null && cd "$2/$3" || refuse "no folder can be made in $PWD"
if [ -e exit ] && [ ! -e cancelled ]; then
    say finished
    exit 0
fi
: >cancelled || refuse "nothing can be written in $PWD"
if mkdir started 2>/dev/null; then
    say never_started
    exit 0
fi
mark=$3 proof=unconfirmed
read_records && rebooted && proof=confirmed
for round in 1 2 3; do
    [ "$proof" = unconfirmed ] || break
    read_records
    if [ -n "$wrapper" ] && ! wrapper_lives && [ ! -e exit ]; then
        wrapper=
    fi
    end_work "$4" && wrapper_is_done && proof=confirmed
done
rm -rf secrets stdin
[ "$proof" = confirmed ] || found=$(echo $(living))
say stopped "$proof" "$found"
