"""A little of what commands print every day: what would hide much of it is no rule for secrets."""

SAMPLE = b"""\
Reading package lists... Done
The following packages will be upgraded: libssl3 openssl curl
Get:1 http://deb.debian.org/debian bookworm/main amd64 openssl amd64 3.0.17-1 [1433 kB]
Fetched 2,004 kB in 1s (1,712 kB/s)
Setting up openssl (3.0.17-1) ...
Filesystem      Size  Used Avail Use% Mounted on
/dev/sda1        49G   21G   26G  45% /
tmpfs           7.8G  1.2M  7.8G   1% /run
nginx.service - A high performance web server and a reverse proxy server
     Loaded: loaded (/lib/systemd/system/nginx.service; enabled; preset: enabled)
     Active: active (running) since Tue 2026-03-03 09:12:44 UTC; 2 weeks 1 day ago
   Main PID: 1742 (nginx)
nginx: the configuration file /etc/nginx/nginx.conf syntax is ok
64 bytes from 192.0.2.10: icmp_seq=1 ttl=64 time=0.341 ms
PING web-01.example.com (192.0.2.10) 56(84) bytes of data.
ok: [web-01] => (item=/srv/app/releases/20260303)
changed: 3 of 12 hosts, 0 unreachable, 0 failed
HTTP/1.1 200 OK
Content-Type: application/json; charset=utf-8
{"status": "ok", "version": "4.12.0", "uptime": 86213}
commit 3f2a91c0d4e5b6a798c1d2e3f4a5b6c7d8e9f0a1
 12 files changed, 340 insertions(+), 87 deletions(-)
2026-03-03T09:12:45.120Z INFO  started worker 7 in 0.43 s
2026-03-03T09:12:46.001Z WARN  retry 1 of 3: connection refused
2026-03-03T09:12:47.388Z ERROR could not open /var/log/app.log: Permission denied
COPY 15320
UPDATE 48
total 24
drwxr-xr-x 4 deploy deploy 4096 Mar  3 09:10 current
-rw-r--r-- 1 deploy deploy  812 Mar  3 09:11 config.yaml
"""
