# What stands in for the reader's machine: programs that wait become ones that run beside, programs that ask
# for a password get it. Everything else is what is on the PATH.

WRONG=0
SERVING=

stop() {
    [ -z "$SERVING" ] && return 0
    kill "$SERVING" 2>/dev/null
    wait "$SERVING"
    local ended=$?
    SERVING=
    return $ended
}
BESIDE=
trap 'kill $BESIDE 2>/dev/null; stop >/dev/null 2>&1' EXIT

# `wheelwright serve`, until it listens.
serve() {
    stop || return 1
    "$SCRATCH/bin/wheelwright" serve --listen "$LISTEN" "$@" >"$SCRATCH/server.log" 2>&1 </dev/null &
    SERVING=$!
    until grep -q '^listening on ' "$SCRATCH/server.log"; do
        kill -0 "$SERVING" 2>/dev/null || { cat "$SCRATCH/server.log"; SERVING=; return 1; }
        sleep 0.1
    done
    [ -e wheelwright-data/root-password ] && ROOT_PASSWORD=$(cat wheelwright-data/root-password)
    return 0
}

wheelwright() {
    case "${1-} ${2-}" in
    "serve "*)
        shift
        serve "$@"
        ;;
    "user create")
        command wheelwright "$@" >"$SCRATCH/said" || { cat "$SCRATCH/said"; return 1; }
        # twine asks for both.
        export TWINE_USERNAME=$3 TWINE_PASSWORD
        TWINE_PASSWORD=$(sed -n 's/^password: //p' "$SCRATCH/said")
        [ -n "$TWINE_PASSWORD" ] || [[ " $* " == *" --service "* ]]
        ;;
    "token create")
        command wheelwright "$@" >"$SCRATCH/said" || { cat "$SCRATCH/said"; return 1; }
        TOKEN=$(tail -n 1 "$SCRATCH/said")
        ;;
    *) command wheelwright "$@" </dev/null ;;
    esac
}

# As alice, at the server of the documents.
log_in() {
    printf '%s\n' "$TWINE_PASSWORD" | command wheelwright login "$SERVER" --user alice --password-stdin
}

# `make run` serves as its recipe's last line says, without building again; other targets would take an hour:
# they must be there.
make() {
    command make --no-print-directory -n -C "$REPOSITORY" "$@" >"$SCRATCH/recipe" || return 1
    [ "$1" = run ] || return 0
    grep -qx 'scripts/first-steps' "$SCRATCH/recipe" || { echo "make run does not show what is next"; return 1; }
    local line
    line=$(grep -o 'bin/wheelwright serve.*' "$SCRATCH/recipe") || { echo "make run does not serve"; return 1; }
    serve ${line#bin/wheelwright serve}
}

# The program, not what stands in for it here.
command() {
    case "$*" in
    "-v wheelwright") echo "$SCRATCH/bin/wheelwright" ;;
    *) builtin command "$@" ;;
    esac
}

# A refusal is a failure.
curl() {
    command curl --fail "$@"
}

until_answers() {
    until command curl -fs -o /dev/null "$1"; do
        kill -0 "$BESIDE" || return 1
        sleep 0.1
    done
}

# run PLACE TEXT: a line as it would be typed.
run() {
    echo "+ $1: $2"
    eval "$2" </dev/null
    ended "$1" "$2" $?
}

# mentioned PLACE TEXT: the same in a sentence. What alone says too little (wrong usage: 2) is a command at least.
mentioned() {
    echo "+ $1: $2"
    eval "$2" </dev/null
    local status=$?
    if [ "$status" -eq 2 ]; then
        eval "$2 --help" </dev/null >/dev/null
        status=$?
    fi
    ended "$1" "$2" "$status"
}

ended() {
    echo "  after $SECONDS s"
    [ "$3" -eq 0 ] && return
    WRONG=1
    echo "NOT AS DOCUMENTED: $1: exit $3: $2"
}

# prepare: what a document takes as given.
prepare() {
    "$@" || { echo "NOT PREPARED: $*"; exit 1; }
}

# project NAME FOLDER: a project that builds.
project() {
    mkdir -p "$2" &&
        printf '[build-system]\nrequires = ["setuptools"]\n[project]\nname = "%s"\nversion = "1.0"\n[tool.setuptools]\npy-modules = ["m_%s"]\n' \
            "$1" "${1//-/_}" >"$2/pyproject.toml" && echo "VALUE = 1" >"$2/m_${1//-/_}.py"
}

# repository FOLDER TAG…: one with a project, and another in lib/.
repository() {
    local folder=$1 tag
    shift
    project in-repo "$folder" && project in-lib "$folder/lib" && git -C "$folder" init -q . && git -C "$folder" add . &&
        git -C "$folder" -c user.name=x -c user.email=x@y commit -q -m x || return 1
    for tag in "$@"; do git -C "$folder" tag "$tag" || return 1; done
}
