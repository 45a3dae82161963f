"""What pyproject.toml cannot say: the runbooks, which people read in docs/, are in the package too, without a second copy in git."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PAGES = "generator/runbooks/pages"


class BuildWithRunbooks(build_py):
    """Copies docs/runbooks beside the module that prints them; an editable install reads them where they are."""

    def run(self) -> None:
        """Build the packages, and put the pages among them."""
        super().run()
        if self.editable_mode:
            return
        for source, target in self._pages().items():
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(source, target, preserve_mode=False)

    def get_source_files(self) -> list[str]:
        """Return what an sdist has to hold."""
        return [*super().get_source_files(), *self._pages()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - the base's signature
        """Return what a build makes."""
        made = [] if self.editable_mode else [*self._pages().values()]
        return [*super().get_outputs(include_bytecode), *made]

    def _pages(self) -> dict[str, str]:
        found = sorted(Path("docs", "runbooks").glob("*.md"))
        return {str(path): str(Path(self.build_lib, PAGES, path.name)) for path in found}


setup(cmdclass={"build_py": BuildWithRunbooks})
