"""Promises about random keys in plans: generated ones are found, and what ordinary plans are full of is not."""

import base64
import secrets
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.secrets.entropy import holds_random_token
from safety.secrets.literals import likely_secrets

ALPHABET = string.ascii_letters + string.digits
SAMPLES = 2000

# Texts as plans hold them, each of a kind that looks long, mixed or random.
ORDINARY = """\
docker pull registry.example/team/web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
git checkout 4b825dc642cb6eb9a060e54bf8d69288fbee4904
curl -fsSLO https://dl.example/releases/download/v2.13.4-RC1/node_exporter-2.13.4.linux-amd64.tar.gz
echo '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  web.tgz' | sha256sum -c
resize2fs /dev/disk/by-uuid/3f2504e0-4f89-11d3-9a0c-0305e82c3301
mount UUID=3F2504E0-4F89-11D3-9A0C-0305E82C3301 /srv/data
kubectl -n prod rollout restart deployment/web-frontend-7d4b9c6f5d-x2k8p
aws iam attach-role-policy --policy-arn arn:aws:iam::123456789012:policy/WebTierReadOnly2024AccessPolicy
aws cloudformation deploy --stack-name ProdWebFrontendStackV2 --template-file ./infra/WebFrontendStackV2.yaml
gcloud compute instances reset projects/my-project-123/zones/us-central1-a/instances/gke-prod-pool-1
java -Xmx2048m -XX:+UseG1GC -Djavax.net.ssl.trustStore=/etc/pki/java/cacerts -jar /opt/app/WebFrontend2Server.jar
/opt/app/releases/2024-01-01T12-30-00Z/bin/startServer --config /etc/app/ProductionConfigV2.xml
systemctl restart postgresql@15-main.service systemd-tmpfiles-setup-dev.service
ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | grep SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDbW1Fqs3c0RJ0v5zs
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0yLp3Xv0Nq9ZJ7c1r4m0o1gqk2W3e4R5t6Y7u8I9o0 olga@laptop' >>authorized_keys
<script integrity="sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==">
openssl ciphers ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305:PBEWithHmacSHA256AndAES_256
export TZ=Europe/Berlin LC_ALL=en_US.UTF-8 JAVA_HOME=/usr/lib/jvm/java-17-openjdk-amd64
psql -c 'SELECT pg_size_pretty(pg_total_relation_size($$publicOrderItemsArchive2023$$))'
ansible-playbook -i inventories/prod/hosts.yml playbooks/RollingUpdateWebTier_v2.yml --limit web-01.example.com
rsync -a --delete backup@10.20.30.40:/srv/backup/2024/05/01/ /srv/restore/20240501T101500Z/
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0
https://tracker.example/api/v1/users/12345/orders?page=2&sortBy=createdAtDesc&filter=statusOpenOrPending2024
helm upgrade web oci://registry.example/charts/web --version 1.2.3-alpha.4+build.20240501 --set image.tag=v1.2.3
nft add rule inet filter input ip saddr 192.168.100.0/24 tcp dport { 22, 80, 443 } counter accept
zfs send tank/home@autosnap_2024-05-01_00:00:01_daily | ssh backup zfs receive tank2/homeArchive2024
i-0abcd1234efgh5678 vol-049df61146c4d7901 subnet-9d4a7b6c5f3e2d1a0 6f1ed002ab5595859014ebf0951522d9
printf 'PG9wdGlvbj5wbGFpbiB0ZXh0IGluIGEgY29uZmlndXJhdGlvbiBmaWxlPC9vcHRpb24+' | base64 -d >/etc/app/options.xml
journalctl -u web --since '2024-05-01 10:15:00' -o json-pretty | grep '"_SYSTEMD_INVOCATION_ID"'
msiexec /i {90160000-008C-0000-1000-0000000FF1CE} Microsoft.Windows.Common-Controls_6595b64144ccf1df_6.0.19041
age -r age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p -o backup.age backup.tar
terraform apply -target=module.web_frontend.aws_autoscaling_group.BlueGreenGroupV2 -auto-approve
""".splitlines()


@pytest.mark.parametrize("text", ORDINARY)
def test_what_ordinary_plans_are_full_of_is_no_secret(text: str) -> None:
    assert likely_secrets({"with": {"script": text}}) == []


def test_certificates_and_public_keys_are_public() -> None:
    body = "\n".join(base64.b64encode(secrets.token_bytes(48)).decode() for _ in range(12))
    for kind in ("CERTIFICATE", "PUBLIC KEY", "PGP PUBLIC KEY BLOCK"):
        assert not holds_random_token(f"cat <<X\n-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\nX")
    assert holds_random_token(f"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n{body}")


@pytest.mark.parametrize(
    ("make", "at_least"),
    [
        (lambda: "".join(secrets.choice(ALPHABET) for _ in range(20)), 0.88),
        (lambda: "".join(secrets.choice(ALPHABET) for _ in range(32)), 0.93),
        (lambda: "".join(secrets.choice(ALPHABET) for _ in range(64)), 0.98),
        (lambda: secrets.token_urlsafe(32), 0.92),
        (lambda: base64.b64encode(secrets.token_bytes(48)).decode(), 0.94),
    ],
    ids=["20 letters and digits", "32", "64", "32 bytes in URL-safe base64", "48 bytes in base64"],
)
def test_generated_keys_are_found_at_least_that_often(make, at_least: float) -> None:  # type: ignore[no-untyped-def]
    found = sum(holds_random_token(f"login --key={make()} now") for _ in range(SAMPLES)) / SAMPLES

    assert found >= at_least, f"{found:.1%}"


@given(st.text(alphabet="0123456789abcdef", min_size=20, max_size=128))
def test_hexadecimal_text_is_a_digest_and_no_key(text: str) -> None:
    assert not holds_random_token(text)
    assert not holds_random_token(text.upper())


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text: str) -> None:
    assert holds_random_token(text) in (True, False)
    assert not holds_random_token(text[:19])
