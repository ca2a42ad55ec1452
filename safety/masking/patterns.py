"""The table of what looks like a secret."""

from collections.abc import Callable
from dataclasses import dataclass

from safety.masking.plausible import (
    bearer,
    card,
    chosen,
    cookie,
    digit_in_key,
    given,
    has_digit,
    path_free,
    ssn,
    user_password,
)


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """One kind of secret. The first group that took part is masked; without groups, the whole match.

    regex: RE2 syntax on bytes, within one line, case-sensitive unless it says otherwise; accept: a last
    look at the masked bytes; digits: a number in a run of digits, all of which is looked at when one is found.
    """

    kind: str
    regex: str
    accept: Callable[[bytes], bool] = bool
    digits: bool = False


_KEY_END = r"""\\*["']?"""
_ASSIGN = r"""[ \t]*(?:=>|:=|[:=])[ \t]*"""
# A quoted value, one whose quotes are escaped or never close (then: the rest of the line), or a bare one. `"a" -> "b"`
# is what Terraform says of a change.
_QUOTED = (
    r"""[bBrRuUfF]{0,2}(?:"((?:[^"\\\r\n]|\\[^\r\n])*(?:"[ \t]+->[ \t]+"[^"\r\n]*)?)"|'((?:[^'\\\r\n]|\\[^\r\n])*)'"""
    r"""|\\+["']([^\\"'\r\n]+)|["']([^\r\n]+))"""
)
_BARE = r"""([^\s"'<][^\s"'<]*)"""

# Passwords as arguments: mysql -p…, sshpass -p …, redis-cli -a …, ldapsearch -w …, keytool, openssl.
_OPTIONS = (
    r"\b(?:mysql|mariadb)[a-z-]*[^\r\n|;]{0,80}?[ \t]-p|\bsshpass[ \t]+-p[ \t]*"
    r"|\bredis-cli\b[^\r\n|;]{0,80}?[ \t]-a[ \t]+|\bldap[a-z]+\b[^\r\n|;]{0,80}?[ \t]-w[ \t]+"
    r"|[ \t]-[a-z]*(?:store|key)pass[ \t]+|\bpass(?:in|out)?[ \t]+pass:"
)
# Passwords as sentences tell them, and the unseal keys of Vault.
_SAID = (
    r"\bpassword[ \t]+(?:is[ \t]+generated[ \t]+)?for[ \t]+(?:user[ \t]+)?[^\s:]+:[ \t]+"
    r"|\bpassword[ \t]+is:?[ \t]+|\bunseal key(?: \d+)?:[ \t]+"
)

_PASSWORDS = r"(?:passw(?:or)?d|passphrase|[_.-]pass)"
_AWS_KEY = r"(?:aws[_-]?secret(?:[_-]?access)?[_-]?key|secret[_-]?access[_-]?key)"
_API_KEY = r"(?:(?:api|access|app|account|shared|subscription|encryption|signing|private|secret)[_-]?key)"
_TOKENS = r"(?:token|session[_-]?id|authorization)"
_SECRETS = r"(?:secret|credentials?)"


def _named(kind: str, key: str, *, bare: Callable[[bytes], bool] = chosen) -> list[Pattern]:
    """`key=value`, `key: value`, JSON, YAML, XML and `--key value` forms of a value with a telling name."""
    key = f"(?i:{key}{_KEY_END})"
    return [
        Pattern(kind=kind, regex=f"{key}{_ASSIGN}{_QUOTED}", accept=given),
        Pattern(kind=kind, regex=f"{key}={_BARE}", accept=given),
        Pattern(kind=kind, regex=f"{key}{_ASSIGN}{_BARE}", accept=bare),
        Pattern(kind=kind, regex=rf"(?i:--[a-z-]*{key})[ \t]+[\"']?([^\s\"']+)", accept=given),
        Pattern(kind=kind, regex=rf"(?i:<[a-z_.-]*{key})>([^<\r\n]+)</", accept=given),
    ]


# Order matters where two could match at the same place: the first wins.
TABLE: tuple[Pattern, ...] = (
    # RFC 6750 section 2.1, RFC 7617: "Authorization: Bearer ...", also "Token", "Basic", AWS signatures
    Pattern(
        kind="token",
        regex=r"""(?i:authorization\\*["']?[ \t]*[:=][ \t]*\\*["']?(?:bearer|basic|token|digest|negotiate"""
        r"""|ntlm|apikey|aws4-hmac-sha256)[ \t]+)([^\s"'][^"'\r\n]*)""",
        accept=given,
    ),
    Pattern(kind="token", regex=r"(?i:\bbearer[ \t]+)([A-Za-z0-9._~+/-]{8,}=*)", accept=bearer),
    # JSON Web Token, RFC 7519: two base64url objects ("{" is eyJ) and a signature
    Pattern(kind="jwt", regex=r"\beyJ[\w-]{8,}\.eyJ[\w-]{4,}\.[\w-]*"),
    # AWS IAM unique id prefixes (docs: "IAM identifiers"), and the secret next to one in credential files
    Pattern(
        kind="aws_secret_key",
        regex=r"""\b(?:AKIA|ASIA)[A-Z0-9]{16}[,:; \t"']{1,4}[A-Za-z0-9/+]{40}\b""",
    ),
    Pattern(
        kind="aws_access_key",
        regex=r"\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA)[A-Z0-9]{16}\b",
    ),
    # GitHub: ghp_, gho_, ghu_, ghs_, ghr_ and fine-grained tokens (GitHub docs, "token formats")
    Pattern(kind="github_token", regex=r"\b(?:gh[pousr]_\w{36,}|github_pat_\w{22,})"),
    # GitLab token prefixes (GitLab docs, "token overview")
    Pattern(
        kind="gitlab_token",
        regex=r"\bgl(?:pat|ptt|rt|rtr|dt|ft|soat|cbt|agent|oas|imt|ffct)-[\w.-]{20,}",
    ),
    # Slack bot, user, app and refresh tokens, and incoming webhook addresses
    Pattern(kind="slack_token", regex=r"\bxox[abeoprs][.-][\w.-]{10,}|\bxapp-\d-[\w-]{10,}"),
    Pattern(kind="slack_token", regex=r"hooks\.slack\.com/(?:services|workflows)/([\w/]{20,})"),
    # Stripe secret and restricted keys, webhook signing secrets
    Pattern(kind="stripe_key", regex=r"\b[sr]k_(?:live|test)_\w{10,}|\bwhsec_[\w+/]{20,}"),
    # Google API key, OAuth access token, client secret, refresh token
    Pattern(
        kind="google_key",
        regex=r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}|\b1//0[\w-]{30,}",
    ),
    Pattern(kind="token", regex=r"\bhv[bsr]\.[\w-]{20,}"),
    # Our own API tokens (safety/tokens/values.py); the public part stays, so that people know which to revoke
    Pattern(kind="token", regex=r"\bopsc_[0-9a-f]{12}_([0-9a-f]{16,})"),
    # OpenBao's older tokens, npm, PyPI, Hugging Face, DigitalOcean, SendGrid, and "sk-" keys of AI services
    Pattern(
        kind="token",
        regex=r"\bs\.[A-Za-z0-9]{24}\b|\bnpm_\w{36}|\bpypi-AgE[\w-]{50,}|\bhf_\w{30,}"
        r"|\bdo[opr]_v1_[0-9a-f]{64}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bsk-[\w-]{32,}",
        accept=has_digit,
    ),
    # crypt(5) hashes: passwords that only have to be guessed
    Pattern(
        kind="password",
        regex=r"\$(?:1|2[abxy]|5|6|7|y|gy|apr1|argon2i?d?)\$[./A-Za-z0-9$=,+-]{20,}",
    ),
    # A PEM private key in base64 once more, as in Kubernetes secrets ("-----BEGIN " + kind of key)
    Pattern(
        kind="private_key",
        regex=r"LS0tLS1CRUdJTi(?:BQUklW|BSU0Eg|BFQyBQ|BPUEVO|BFTkNS|BEU0Eg|BQR1Ag)[A-Za-z0-9+/=_-]+",
    ),
    # OpenSSH public key blob, RFC 4253 section 6.6: base64 of a length-prefixed algorithm name
    Pattern(
        kind="ssh_key",
        regex=r"\b(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-[\w.@-]+)[ \t]+"
        r"(AAAA[A-Za-z0-9+/]{40,}={0,2})",
    ),
    # RFC 3986 userinfo: scheme://user:password@host
    Pattern(
        kind="database_password",
        regex=r"""[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@"'<>]*:([^\s/"'<>]+)@""",
        accept=given,
    ),
    # curl --user, wget, mysql: user:password on a command line (numbers are uid:gid)
    Pattern(
        kind="password",
        regex=r"""(?:^|\s)(?:-u|--user)[ =]["']?[\w.@-]+:([^\s"']{4,})""",
        accept=user_password,
    ),
    Pattern(kind="password", regex=f"(?:{_OPTIONS})[\"']?([^\\s\"']+)", accept=given),
    Pattern(kind="password", regex=f"(?i:{_SAID})[\"']?([^\\s\"']+)", accept=digit_in_key),
    # SQL and redis.conf; netrc; .pgpass
    Pattern(
        kind="password",
        regex=r"(?i:\bidentified[ \t]+by[ \t]+(?:password[ \t]+)?|\bpassword[ \t]+)'([^'\r\n]+)'"
        r"|\brequirepass[ \t]+[\"']?([^\s\"']+)|\blogin[ \t]+\S+[ \t]+password[ \t]+(\S+)"
        r"|:(?:5432|5433|6432|\*):[^\s:]+:[^\s:]+:([^\s:]{4,})",
        accept=given,
    ),
    # The login of a registry in Docker's config.json
    Pattern(
        kind="password",
        regex=r"""\\*["']auth\\*["'][ \t]*:[ \t]*\\*["']([A-Za-z0-9+/=_-]{8,})|\b(eyJhdXRocyI6[A-Za-z0-9+/=]+)""",
    ),
    # RFC 6265: cookies are as good as the session that they belong to
    Pattern(
        kind="token",
        regex=r"""(?i:(?:^|[^\w-])(?:set-)?cookie\\*["']?[ \t]*:[ \t]*\\*["']?)([^"'\r\n]+)""",
        accept=cookie,
    ),
    # Signed addresses of Azure, AWS and Google
    Pattern(
        kind="token", regex=r"""[?&](?i:sig|x-(?:amz|goog)-(?:signature|security-token))=([^&\s"'<>]+)"""
    ),
    *_named("password", _PASSWORDS, bare=given),
    # "pass=" and ODBC's "Pwd="; PWD=/srv is a working directory
    Pattern(kind="password", regex=rf"(?i:\b(?:pass|pwd)|_pwd)=(?:{_QUOTED}|{_BARE})", accept=path_free),
    Pattern(kind="password", regex=rf"(?i:[\"']p(?:wd|ass)\\*[\"'][ \t]*:[ \t]*){_QUOTED}", accept=path_free),
    *_named("aws_secret_key", _AWS_KEY),
    *_named("api_key", _API_KEY),
    *_named("token", _TOKENS),
    *_named("secret", _SECRETS),
    # RFC 5322 addr-spec as people write it
    Pattern(kind="email", regex=r"\b[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b"),
    Pattern(
        kind="credit_card",
        regex=r"(?:^|[^\w.])(\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,19})\b",
        accept=card,
        digits=True,
    ),
    Pattern(kind="ssn", regex=r"\b\d{3}-\d{2}-\d{4}\b", accept=ssn, digits=True),
)
