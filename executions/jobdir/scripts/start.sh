# Start the work at most once. Arguments: base, execution, name, deadline (s), grace (0.1 s). Input: the payload.

mask=$(umask)
umask 077
enter_root "$1"
complete=
payload=$(cat)
eval "$payload"
[ "$complete" = yes ] || refuse "the transfer was cut off"
command -v setsid >/dev/null || refuse "setsid is missing: install util-linux or busybox"
[ -d "$2/$3" ] || mkdir -p "$2/$3" 2>/dev/null
cd "$2/$3" 2>/dev/null || refuse "no folder can be made in $PWD"
if ! mkdir started 2>/dev/null; then
    [ -d started ] || refuse "nothing can be written in $PWD"
    say already
    exit 0
fi
if [ -e cancelled ]; then
    say already
    exit 0
fi
unpack 2>/dev/null || {
    # Nothing ran, so the right to start is given back.
    rm -rf wrapper command script stdin secrets
    rmdir started
    refuse "the files of the step cannot be written in $PWD"
}
unset OPSC_UID
OPSC_STEP=$3 setsid sh ./wrapper "$4" "$5" "$mask" </dev/null >/dev/null 2>&1 &
say started
