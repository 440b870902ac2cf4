# The Debian package from its installation to its end.
. /scripts/story.sh
DEB=$(ls /given/*.deb)

serve() {
    # As the unit starts it, without its sandbox: no systemd runs here.
    local command
    command=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/wheelwright.service)
    exec setpriv --reuid=wheelwright --regid=wheelwright --init-groups $command "$@"
}
wheelwright() { wheelwright-admin "$@"; }

# What it is, before it is installed.
must bubblewrap dpkg-deb --field "$DEB" Depends
must libc6 dpkg-deb --field "$DEB" Depends

dpkg --install "$DEB"
must '/var/lib/wheelwright' getent passwd wheelwright
must '640 root wheelwright' stat -c '%a %U %G' /etc/wheelwright/wheelwright.toml
must '750 wheelwright wheelwright' stat -c '%a %U %G' /var/lib/wheelwright
must '/etc/wheelwright/wheelwright.toml' cat /var/lib/dpkg/info/wheelwright.conffiles
must 'enabled' systemctl is-enabled wheelwright.service
must 'disabled' sh -c 'systemctl is-enabled wheelwright-worker.service || true'
must '' systemd-analyze --man=no verify /lib/systemd/system/wheelwright.service
must 'wheelwright-serve' man --path wheelwright-serve
[ -f /usr/share/bash-completion/completions/wheelwright ] || fail "no completions"

begin
first_five_minutes /first
[ -f /var/lib/wheelwright/root-password ] || fail "no password of root"
# Whoever else has an account here reads neither the configuration nor the data.
refuses runuser -u nobody -- cat /etc/wheelwright/wheelwright.toml
refuses runuser -u nobody -- ls /var/lib/wheelwright
must 'needs root' sh -c 'runuser -u nobody -- wheelwright-admin user list || true'
end

# An upgrade keeps what was changed and what was uploaded.
sed -i 's/^# open_registration = .*/open_registration = true/' /etc/wheelwright/wheelwright.toml
dpkg --install "$DEB"
must '640 root wheelwright' stat -c '%a %U %G' /etc/wheelwright/wheelwright.toml
must 'open_registration' sh -c "wheelwright-admin config show | grep -E 'open_registration +true'"
begin
install_it /second
end

# Removed, and installed again.
dpkg --remove wheelwright
[ -f /etc/wheelwright/wheelwright.toml ] || fail "the configuration is gone"
[ ! -e /usr/bin/wheelwright ] || fail "the program is still there"
dpkg --install "$DEB"
begin
install_it /third
end

# A purge asks nothing and takes nobody's packages.
touch /var/lib/somebody-elses
must 'still has the indexes' dpkg --purge wheelwright </dev/null
[ ! -e /etc/wheelwright ] || fail "there is still: $(ls -R /etc/wheelwright)"
[ -f /var/lib/wheelwright/wheelwright.db ] || fail "the data is gone"
[ -f /var/lib/somebody-elses ] || fail "what is not ours is gone"

# Without data nothing is left but the account: it may own data in another folder.
rm -r /var/lib/wheelwright
dpkg --install "$DEB"
dpkg --purge wheelwright
[ ! -e /var/lib/wheelwright ] || fail "an empty folder is left"
getent passwd wheelwright >/dev/null || fail "the account is gone"
echo ALL GOOD
