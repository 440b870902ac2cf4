# What every installed wheelwright is used for first. Sourced by the scripts beside it, which say what `serve` and
# `wheelwright` are.
set -euo pipefail

URL=http://127.0.0.1:3141

fail() {
    echo "FAILED: $*" >&2
    [ ! -f /tmp/serve.log ] || cat /tmp/serve.log >&2
    exit 1
}

# must TEXT COMMAND…: what the command says contains the text.
must() {
    local text=$1 said
    shift
    said=$("$@" 2>&1) || fail "$*: $said"
    [[ $said == *"$text"* ]] || fail "$*: no '$text' in: $said"
}

# refuses COMMAND…: it fails.
refuses() { if "$@" >/tmp/refused 2>&1; then fail "$* succeeded: $(cat /tmp/refused)"; fi; }

SERVER=
trap '[ -z "$SERVER" ] || kill -9 "$SERVER" 2>/dev/null' EXIT

begin() {
    rm -f /tmp/serve.log
    serve --offline >/tmp/serve.log 2>&1 &
    SERVER=$!
    timeout 60 sh -c 'until grep -qs "^listening on" /tmp/serve.log; do sleep 0.1; done' || fail "it does not listen"
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$URL/+health")" = 200 ] || fail "no health"
    # Sandboxes hold on this system, wherever the program lies: it would build.
    timeout 60 sh -c 'until grep -q "the worker is registered" /tmp/serve.log; do sleep 0.1; done' || fail "no worker"
    ! grep "does not build" /tmp/serve.log || fail "its worker does not build"
}

end() {
    kill "$SERVER"
    wait "$SERVER" || fail "it ended with $?"
    SERVER=
}

# A user, an index, an upload, an installation.
first_five_minutes() {
    wheelwright user create alice --password secret-of-alice
    wheelwright index create alice/dev
    upload
    install_it "$1"
}

upload() {
    local file
    file=$(ls /given/my_private_package-*.whl)
    must '' curl -sS --fail-with-body -u alice:secret-of-alice -F :action=file_upload -F protocol_version=1 \
        -F metadata_version=2.1 -F name=my-private-package -F version=1.0 -F filetype=bdist_wheel -F pyversion=py3 \
        -F "content=@$file" "$URL/alice/dev/"
}

# install_it FOLDER: into a new environment there.
install_it() {
    python3 -m venv "$1"
    must 'Successfully installed my-private-package-1.0' \
        "$1/bin/pip" install --disable-pip-version-check -i "$URL/alice/dev/+simple/" my-private-package
}
