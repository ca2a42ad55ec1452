# Tell the state and new output. Arguments: base, execution, name, offsets of stdout and stderr, most bytes of each.
# Blocks of 4096 bytes let dd seek: the caller drops what it has of the first block.

blocks=$(($6 / 4096))

amount() {
    first=$(($1 / 4096 * 4096))
    last=$((first + blocks * 4096))
    [ "$2" -lt "$last" ] && last=$2
    amount=0
    [ "$2" -le "$1" ] || amount=$((last - first))
}

send() {
    [ "$3" -eq 0 ] || dd if="$1" bs=4096 skip=$(($2 / 4096)) count="$blocks" 2>/dev/null | head -c "$3"
}

judge() {
    if [ -e exit ]; then
        read -r state code <exit
    elif ! read_records; then
        state=starting
    elif rebooted; then
        state=gone
    elif ! wrapper_lives && [ -z "$(living)" ]; then
        state=gone
        [ -e exit ] && read -r state code <exit
    fi
    [ "$state" != gone ] || rm -rf secrets stdin
}

umask 077
enter_root "$1"
if ! cd "$2/$3" 2>/dev/null || [ ! -d started ]; then
    say never_started - 0 0 0 0 0
    exit 0
fi
mark=$3 state=running code=- cancelled=0
[ -e cancelled ] && cancelled=1
judge
out_offset=$4 err_offset=$5
set -- $(stat -c %s stdout stderr 2>/dev/null) 0 0
[ $# -eq 4 ] || set -- 0 0
out_size=$1 err_size=$2
amount "$out_offset" "$out_size"
out=$amount
amount "$err_offset" "$err_size"
err=$amount
say "$state" "$code" "$cancelled" "$out_size" "$err_size" "$out" "$err"
send stdout "$out_offset" "$out"
send stderr "$err_offset" "$err"
