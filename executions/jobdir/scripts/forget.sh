# Drop what a finished step left; what keeps it from starting again stays. Arguments: base, execution, name.

enter_root "$1"
cd "$2/$3" 2>/dev/null || exit 0
[ ! -e exit ] && [ ! -e cancelled ] || rm -rf stdout stderr stdin secrets wrapper command script deadline
say forgotten
