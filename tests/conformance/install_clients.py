"""Installs the pinned npm clients into a folder of the build, where they are not already, and links our scripts beside them.

    install_clients.py FOLDER

Without the network this works only where the folder, or npm's cache, has them; otherwise it fails and says so.
"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FILES = ("package.json", "package-lock.json", ".npmrc")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    # Node looks for packages beside a script, so ours stand in this folder as well.
    for script in HERE.glob("*.mjs"):
        link = folder / script.name
        if not link.is_symlink() or link.resolve() != script:
            link.unlink(missing_ok=True)
            link.symlink_to(script)
    done = folder / "installed-lock.json"
    if done.exists() and done.read_bytes() == (HERE / "package-lock.json").read_bytes():
        return
    for name in FILES:
        shutil.copy(HERE / name, folder / name)
    try:
        install = subprocess.run(["npm", "ci", "--prefer-offline", "--ignore-scripts"], cwd=folder, stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=300)
        problem = install.stdout + install.stderr if install.returncode else None
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem is not None:
        sys.exit(f"The clients in tests/conformance/package.json could not be installed. npm needs its registry once per "
                 f"build (see npm config get registry); \"npm ci\" said:\n{problem}")
    shutil.copy(folder / "package-lock.json", done)


main()
