# The archive and the wheel: for an account without any rights.
. /scripts/story.sh
useradd --create-home ann
cd /home/ann

ANN=(setpriv --reuid=ann --regid=ann --init-groups env HOME=/home/ann)
as_ann() { "${ANN[@]}" "$@"; }

tar --extract --file "$(ls /given/*.tar.gz)"
BIN=$(ls -d /home/ann/wheelwright-*/bin)
serve() { exec "${ANN[@]}" "$BIN/wheelwright" serve --data /home/ann/one "$@"; }
wheelwright() { as_ann "$BIN/wheelwright" --data /home/ann/one "$@"; }
begin
first_five_minutes /first
end

as_ann python3 -m venv tool
as_ann tool/bin/pip install --no-index /given/wheelwright-*.whl
serve() { exec "${ANN[@]}" tool/bin/wheelwright serve --data /home/ann/two "$@"; }
wheelwright() { as_ann tool/bin/wheelwright --data /home/ann/two "$@"; }
begin
first_five_minutes /second
end
echo ALL GOOD
