"""Builds the page anew in a folder of the build and compares it with what is committed, byte by byte.

    check_build.py FOLDER

`npm ci` needs npm's registry, or its cache, once per lock file. FOLDER keeps the packages, which the browser tests use.
"""
import gzip
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
MOST = 300_000  # bytes, compressed, of all files


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=500)
    if done.returncode:
        sys.exit(f"\"{' '.join(command)}\" said:\n{done.stdout}{done.stderr}")
    print(done.stdout)


def files_in(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    installed = folder / "installed-lock.json"
    for name in ("src", "dist"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(HERE / "src", folder / "src")
    for name in ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts", "index.html"):
        shutil.copy(HERE / name, folder / name)
    if not installed.exists() or installed.read_bytes() != (HERE / "package-lock.json").read_bytes():
        run(folder, "npm", "ci", "--prefer-offline", "--ignore-scripts")
        shutil.copy(folder / "package-lock.json", installed)
    for script in ("typecheck", "test", "build"):
        run(folder, "npm", "run", script)
    made, kept = files_in(folder / "dist"), files_in(HERE / "dist")
    if made != kept:
        differing = sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))
        sys.exit(f"web/dist is not what web/src makes: {', '.join(differing)}. Run \"npm ci && npm run build\" in web/ and commit web/dist.")
    size = sum(len(gzip.compress(data, 9)) for data in made.values())
    print(f"{len(made)} files, {size} bytes compressed")
    if size > MOST:
        sys.exit(f"the page is {size} bytes compressed; expected at most {MOST}")


main()
