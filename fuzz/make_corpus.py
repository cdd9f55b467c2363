"""Makes the inputs that the fuzz targets begin with, in fuzz/corpus and fuzz/dictionaries.

    python fuzz/make_corpus.py

It needs the wheel of mlcore and the versions of testdata/requirements.txt; `cargo xtask test` installs both in target/python.
What a finding added (`found_*`) stays. Each file is a few kilobytes at most: small inputs run fast and mutate well.
"""

import pathlib

from seeds import columns, expressions, features, filters, folders, models, monitors, names, packages, plans, profiles, requests, suites

FOLDER = pathlib.Path(__file__).resolve().parent


def write(target, inputs):
    """Writes the inputs of a target in the place of those that were made before."""
    folder = FOLDER / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if not old.name.startswith("found_"):
            old.unlink()
    for name, content in inputs:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    print(f"{target}: {len(list(folder.iterdir()))} inputs")


def dictionary(target, words):
    """Writes what libFuzzer puts into inputs beside what it tries by itself."""
    lines = sorted({f'"{escaped(word)}"' for word in words})
    folder = FOLDER / "dictionaries"
    folder.mkdir(exist_ok=True)
    (folder / f"{target}.dict").write_text("\n".join(lines) + "\n")


def escaped(word):
    plain = lambda byte: 32 <= byte < 127 and chr(byte) not in '"\\'
    return "".join(chr(byte) if plain(byte) else f"\\x{byte:02X}" for byte in word.encode())


if __name__ == "__main__":
    stored = list(plans.plan_bytes())
    write("plan_bytes", stored)
    dictionary("plan_bytes", plans.words(stored))
    write("profile_bytes", profiles.profile_bytes())
    write("monitor_reference", monitors.monitor_reference())
    write("window_counts", monitors.window_counts())
    for target in ("monitor_reference", "window_counts"):
        dictionary(target, monitors.words())
    write("onnx_scan", models.onnx_scan())
    dictionary("onnx_scan", models.words())
    write("registry_names", names.registry_names())
    dictionary("registry_names", names.words())
    write("package_bytes", packages.package_bytes())
    dictionary("package_bytes", packages.words())
    write("tracking_filter", filters.tracking_filter())
    dictionary("tracking_filter", filters.words())
    write("expression_text", expressions.expression_text())
    dictionary("expression_text", expressions.words())
    write("validation_suite", suites.validation_suite())
    dictionary("validation_suite", suites.words())
    write("mlflow_folder", folders.mlflow_folder())
    dictionary("mlflow_folder", folders.words())
    write("arrow_door", columns.arrow_door())
    write("feast_json", features.feast_json())
    dictionary("feast_json", features.words())
    write("v2_json", requests.v2_json())
    dictionary("v2_json", requests.words())
    write("v2_binary", requests.v2_binary())
    dictionary("v2_binary", requests.words())
    write("v2_protobuf", requests.v2_protobuf())
