# Remove job directories untouched for some days whose work is over. Arguments: base, days.

enter_root "$1"
root=$PWD count=0
for name in $(find . -mindepth 2 -maxdepth 2 -type d -mtime "+$2"); do
    cd "$root/$name" 2>/dev/null || continue
    mark=${name##*/}
    if [ -e exit ] || ! read_records || rebooted || { ! wrapper_lives && [ -z "$(living)" ]; }; then
        cd "$root" && rm -rf "$name" && count=$((count + 1))
        rmdir "${name%/*}" 2>/dev/null
    fi
done
say swept "$count"
