"""The file with passwords, tokens and certificates for asking servers, as amtool and promtool take it.

https://prometheus.io/docs/alerting/latest/configuration/#http_config has its keys. Those that this program cannot
follow are refused.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sysvitals.client.address import Address, is_loopback
from sysvitals.config.errors import ConfigError

FLAG = "--http.config.file"
HELP = (
    "A file with a password, a token or certificates for the servers that are asked, in the format of amtool and"
    " promtool: basic_auth, authorization, tls_config."
)
_HIGHEST_BYTES = 1 << 20
_KEYS: Mapping[str, tuple[str, ...]] = {
    "basic_auth": ("username", "password", "password_file"),
    "authorization": ("type", "credentials", "credentials_file"),
    "tls_config": ("ca_file", "cert_file", "key_file", "insecure_skip_verify"),
}
_PATHS = ("password_file", "credentials_file", "ca_file", "cert_file", "key_file")


@dataclass(frozen=True, slots=True)
class Access:
    """What a server wants to be shown, and how its own certificate is checked.

    `token` is the whole value of the header `Authorization`. `warning` is what its owner should know about the file.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    checks_certificate: bool = True
    warning: str = ""


NO_ACCESS = Access()


def load_access(file: str) -> Access:
    """Read the file, and those that it names; their paths are relative to its folder. Raises ConfigError."""
    import yaml  # noqa: PLC0415  # 1.3 MiB, for those who use it

    try:
        content = yaml.load(_read(file), Loader=yaml.BaseLoader)  # noqa: S506  # a safe loader: it makes only texts
    except (yaml.YAMLError, RecursionError) as error:  # whose words would show the line, and a password in it
        mark = getattr(error, "problem_mark", None)
        raise ConfigError([f"{file}{f':{mark.line + 1}' if mark else ''}: is not YAML"]) from None
    sections = _check(file, content or {})
    basic, token, tls = (sections.get(name, {}) for name in _KEYS)
    if basic and token:
        raise ConfigError([f"{file}: basic_auth and authorization exclude each other"])
    return Access(
        user=basic.get("username"),
        password=_secret(file, basic, "password"),
        token=_format_token(file, token) if token else None,
        ca_file=tls.get("ca_file"),
        cert_file=tls.get("cert_file"),
        key_file=tls.get("key_file"),
        checks_certificate=tls.get("insecure_skip_verify", "false").lower() != "true",
        warning=_warn(file) if "password" in basic or "credentials" in token else "",
    )


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as stream:
            return stream.read(_HIGHEST_BYTES)
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{file}: is not UTF-8 text"]) from None


def _check(file: str, content: Any) -> dict[str, dict[str, str]]:
    """The sections, with whole paths. Raises ConfigError with all that is wrong, without values: they are secret."""
    if not isinstance(content, dict):
        raise ConfigError([f"{file}: expected keys: {', '.join(_KEYS)}"])
    problems = [f"{key}: is not supported here. Valid: {', '.join(_KEYS)}" for key in content if key not in _KEYS]
    sections: dict[str, dict[str, str]] = {}
    for name in content.keys() & _KEYS.keys():
        section = content[name]
        if not isinstance(section, dict) or not all(isinstance(value, str) for value in section.values()):
            problems.append(f"{name}: expected keys with texts: {', '.join(_KEYS[name])}")
            continue
        unknown = [key for key in section if key not in _KEYS[name]]
        problems += [f"{name}.{key}: is not supported here. Valid: {', '.join(_KEYS[name])}" for key in unknown]
        folder = os.path.dirname(os.path.abspath(file))
        sections[name] = {key: os.path.join(folder, one) if key in _PATHS else one for key, one in section.items()}
    if (basic := sections.get("basic_auth")) and "username" not in basic:
        problems.append("basic_auth.username: is missing")
    tls = sections.get("tls_config", {})
    problems += [f"tls_config.{key}: {_missing(tls[key])}" for key in tls if key in _PATHS and _missing(tls[key])]
    if "key_file" in tls and "cert_file" not in tls:
        problems.append("tls_config.cert_file: is missing, and key_file needs it")
    if problems:
        raise ConfigError([f"{file}: {problem}" for problem in problems])
    return sections


def _missing(path: str) -> str:
    try:
        with open(path, "rb"):
            return ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"


def _secret(file: str, section: Mapping[str, str], name: str) -> str | None:
    if name in section and f"{name}_file" in section:
        raise ConfigError([f"{file}: {name} and {name}_file exclude each other"])
    if f"{name}_file" in section:
        return _read(section[f"{name}_file"]).strip()
    return section.get(name)


def _format_token(file: str, section: Mapping[str, str]) -> str:
    secret = _secret(file, section, "credentials") or ""
    token = f"{section.get('type', 'Bearer').strip()} {secret}"
    if not secret or not token.isascii() or not token.isprintable():
        raise ConfigError([f"{file}: authorization: expected credentials of printable ASCII characters"])
    return token


def _warn(file: str) -> str:
    try:
        return f"other users can read {file}: chmod 600 it" if os.stat(file).st_mode & 0o077 else ""
    except OSError:
        return ""


def advise(addresses: Iterable[Address], access: Access) -> Iterator[str]:
    """What those should know who ask these servers so: who else may read the password."""
    if access.warning:
        yield access.warning
    for address in addresses:
        if address.password:
            yield f"the password in an address is in the process list for all users to see: {FLAG}=FILE hides it"
        shows = address.user is not None or access.user is not None or access.token is not None
        if shows and address.url.startswith("http://") and not is_loopback(address.host):
            yield f"{address.url} is asked without TLS: the password can be read on the way"
