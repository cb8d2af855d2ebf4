# Prepares the namespaces of a test, and runs its command: only a loopback interface, which has the addresses that a
# meshmock must not dial, and settings of the resolver that name the test's own name server.
set -eu
[ "$(ls /sys/class/net 2> /dev/null | wc -l)" -le 1 ] || mount -t sysfs sysfs /sys
ip link set lo up
for address in 169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192; do
  ip addr add "$address/32" dev lo
done
for address in fd00:ec2::254 fd00:ec2::23 fd20:ce::254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::1 ::a9fe:a9fe; do
  ip addr add "$address/128" dev lo nodad
done
folder=$(mktemp -d)
mount -t tmpfs tmpfs "$folder"
printf 'nameserver 127.0.0.53\noptions timeout:5 attempts:2\n' > "$folder/resolv.conf"
printf '127.0.0.1 localhost\n169.254.169.254 innocent.hosts.test\n' > "$folder/hosts"
mount --bind "$folder/resolv.conf" /etc/resolv.conf
mount --bind "$folder/hosts" /etc/hosts
exec "$@"
