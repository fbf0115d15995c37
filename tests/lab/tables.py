"""TOML tables: merged table by table, and written."""
import datetime
import json
import re
import tomllib


def read(text, name):
    from lab.layout import BedError
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as mistake:
        raise BedError(f"{name}: {mistake}") from None


def merged(base, over):
    """`over` wins; tables are merged, all other values replaced."""
    result = dict(base)
    for name, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


def key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def value_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key(name)} = {value_text(item)}" for name, item in value.items()) + "}"
    return repr(value)


def written(table, prefix=()):
    """The table as TOML text: values first, then its sub-tables under [headers]."""
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    nested = {name: value for name, value in table.items() if isinstance(value, dict)}
    lines = []
    if prefix and (plain or not nested):
        lines.append("[" + ".".join(key(name) for name in prefix) + "]")
    lines += [f"{key(name)} = {value_text(value)}" for name, value in plain.items()]
    if lines:
        lines.append("")
    for name, value in nested.items():
        lines += written(value, (*prefix, name)).splitlines()
        lines.append("")
    text = "\n".join(lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
