# Watch over one command in its own session and write down how it ended. Arguments: deadline, grace, mask.
# After a crash of this wrapper the timer below still ends the work in time.

mark=$OPSC_STEP
born() {
    read -r line <"/proc/$1/stat"
    set -- ${line##*") "}
    birth=${20}
}

born $$
wrapper=$$
read -r boot </proc/sys/kernel/random/boot_id
# Without this record nothing is ever run, so its absence proves that nothing was.
echo "$$ $birth $boot" >process || exit 1
if [ -e cancelled ]; then
    rm -rf secrets stdin
    exit 0
fi
# Once open, the input needs no name any more.
if [ -e stdin ]; then
    exec 3<stdin
    rm -f stdin
else
    exec 3</dev/null
fi
if [ -d secrets ]; then
    OPSC_SECRETS_DIR=$PWD/secrets
    export OPSC_SECRETS_DIR
fi
setsid sh ./command "$3" <&3 3<&- >>stdout 2>>stderr &
leader=$!
exec 3<&-
born "$leader"
leader_birth=$birth
echo "$leader $leader_birth" >leader
(
    sleep "$1"
    echo unconfirmed >deadline
    end_work "$2" && echo confirmed >deadline
) &
timer=$!
wait "$leader"
code=$?
how=finished
if [ -e deadline ]; then
    wait "$timer"
    read -r proof <deadline
    how=deadline-$proof
fi
[ ! -d secrets ] || rm -rf secrets
echo "$how $code" >exit.new && mv exit.new exit
# Ends the timer and its sleep as well.
kill -KILL 0
