"""The file with passwords, tokens and certificates for asking servers, as amtool and promtool take it.

https://prometheus.io/docs/alerting/latest/configuration/#http_config has its keys. Those that this program cannot
follow are refused.
"""

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sysvitals.client.address import Address
from sysvitals.config.errors import ConfigError
from sysvitals.config.values import is_loopback

if TYPE_CHECKING:
    import yaml

FLAG = "--http.config.file"
HELP = (
    "A file with a password, a token or certificates for the servers that are asked, in the format of amtool and"
    " promtool: basic_auth, authorization, tls_config."
)
_KEYS: Mapping[str, tuple[str, ...]] = {
    "basic_auth": ("username", "password", "password_file"),
    "authorization": ("type", "credentials", "credentials_file"),
    "tls_config": ("ca_file", "cert_file", "key_file", "insecure_skip_verify"),
}
_SECRETS = ("password_file", "credentials_file", "key_file")
_PATHS = (*_SECRETS, "ca_file", "cert_file")


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
    # PyYAML takes 1.3 MiB, for those who use it
    from sysvitals.config.yaml_nodes import read_regular, read_yaml  # noqa: PLC0415

    sections = _check(file, read_yaml(file, read_regular, is_secret=True))
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
        warning=_warn([file] if "password" in basic or "credentials" in token else [], basic, token, tls),
    )


def _check(file: str, root: "yaml.Node | None") -> dict[str, dict[str, str]]:
    """The sections, with whole paths. Raises ConfigError with all that is wrong, without values: they are secret."""
    from sysvitals.config.web_section import Reader  # noqa: PLC0415
    from sysvitals.config.yaml_nodes import is_empty, is_text  # noqa: PLC0415

    reader = Reader(file)
    folder = os.path.dirname(os.path.abspath(file))
    sections: dict[str, dict[str, str]] = {}
    for name, section in reader.section(root, (), tuple(_KEYS)).items():
        sections[name] = {}
        for key, node in reader.section(section, (name,), _KEYS[name]).items():
            if is_text(node):
                sections[name][key] = os.path.join(folder, node.value) if key in _PATHS else node.value
            elif not is_empty(node):
                reader.note(node, (name, key), "expected text")
    problems: list[str] = []
    if (basic := sections.get("basic_auth")) and "username" not in basic:
        problems.append("basic_auth.username: is missing")
    tls = sections.get("tls_config", {})
    problems += [f"tls_config.{key}: {_missing(tls[key])}" for key in tls if key in _PATHS and _missing(tls[key])]
    if "key_file" in tls and "cert_file" not in tls:
        problems.append("tls_config.cert_file: is missing, and key_file needs it")
    if reader.problems or problems:
        raise ConfigError([*reader.problems, *(f"{file}: {problem}" for problem in problems)])
    return sections


def _missing(path: str) -> str:
    from sysvitals.config.yaml_nodes import read_regular  # noqa: PLC0415

    try:
        read_regular(path)
    except (OSError, ValueError) as error:
        return f"{path} cannot be read: {_reason(error)}"
    return ""


def _reason(error: OSError | ValueError) -> str:
    """Why, in words. ValueError: a NUL in the path."""
    return getattr(error, "strerror", None) or str(error)


def _secret(file: str, section: Mapping[str, str], name: str) -> str | None:
    if name in section and f"{name}_file" in section:
        raise ConfigError([f"{file}: {name} and {name}_file exclude each other"])
    if f"{name}_file" in section:
        return _read_secret(section[f"{name}_file"])
    return section.get(name)


def _read_secret(path: str) -> str:
    from sysvitals.config.yaml_nodes import read_regular  # noqa: PLC0415

    try:
        return read_regular(path).decode().strip()
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: is not UTF-8 text"]) from None
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: cannot be read: {_reason(error)}"]) from None


def _format_token(file: str, section: Mapping[str, str]) -> str:
    secret = _secret(file, section, "credentials") or ""
    token = f"{section.get('type', 'Bearer').strip()} {secret}"
    if not secret or not token.isascii() or not token.isprintable():
        raise ConfigError([f"{file}: authorization: expected credentials of printable ASCII characters"])
    return token


def _warn(files: Iterable[str], *sections: Mapping[str, str]) -> str:
    """What to do where others can read a secret in one of these files, or in those that the sections name."""
    named = (section[key] for section in sections for key in _SECRETS if key in section)
    is_open = [file for file in (*files, *named) if _is_open(file)]
    return (
        f"other users can read {', '.join(is_open)}: chmod 600 {' '.join(map(shlex.quote, is_open))}" if is_open else ""
    )


def _is_open(file: str) -> bool:
    try:
        return bool(os.stat(file).st_mode & 0o077)
    except OSError:
        return False


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
