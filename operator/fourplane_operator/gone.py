"""What is gone, and up to which version: events and listings come in any order, and bring nothing back."""

from dataclasses import dataclass, field

from fourplane_compiler.diagnostics import SourceRef


@dataclass(slots=True)
class Gone:
    """Deletions since the last listing, also of objects that nobody knew, and the listings themselves."""

    _at: dict[SourceRef, int] = field(default_factory=dict)
    _listed: dict[tuple[str, str], int] = field(default_factory=dict)
    """By kind and namespace: the version of the newest listing. What it lacks and is older is gone."""

    def went(self, ref: SourceRef, version: int) -> None:
        """Take note that an object is gone as of a version."""
        self._at[ref] = max(version, self._at.get(ref, 0))

    def listed(self, kind: str, namespace: str, version: int) -> None:
        """Take note of a listing (of all namespaces: empty); it tells of each deletion up to its version."""
        self._listed[kind, namespace] = max(version, self._listed.get((kind, namespace), 0))
        self._at = {
            ref: at
            for ref, at in self._at.items()
            if at > version or ref.kind != kind or not is_in(ref.name, namespace)
        }

    def is_late(self, ref: SourceRef, version: int) -> bool:
        """Tell whether a form of an object that is not known is from before it went."""
        namespace = ref.name.partition("/")[0]
        listed = max(self._listed.get((ref.kind, namespace), 0), self._listed.get((ref.kind, ""), 0))
        return version <= max(self._at.get(ref, 0), listed)


def is_in(name: str, namespace: str) -> bool:
    """Tell whether NAMESPACE/NAME is in a namespace; the empty one is all."""
    return not namespace or name.startswith(f"{namespace}/")
