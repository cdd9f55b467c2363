"""Writes what characters are without their accents, for the vectorizers of mlcore-features: what scikit-learn's
`strip_accents_unicode` makes of each, by Python's own Unicode data.

    python testdata/make_accents.py

Each line is a character and what it becomes, as hexadecimal code points; nothing stands for nothing. Characters that stay what
they are, and the syllables of Hangul, which follow a rule, are left out.
"""

import pathlib
import unicodedata

PATH = pathlib.Path(__file__).parents[1] / "mlcore-features/src/transform/text/accents.txt"

if __name__ == "__main__":
    lines = [f"# Made by testdata/make_accents.py: compatibility decompositions (NFKD) of Unicode {unicodedata.unidata_version}, without combining characters."]
    for code in range(0x80, 0x110000):
        if 0xAC00 <= code <= 0xD7A3 or 0xD800 <= code < 0xE000:
            continue
        stripped = [c for c in unicodedata.normalize("NFKD", chr(code)) if not unicodedata.combining(c)]
        if stripped != [chr(code)]:
            lines.append(" ".join(f"{number:X}" for number in [code, *map(ord, stripped)]))
    PATH.write_text("\n".join(lines) + "\n")
    print(f"{PATH.name}: {len(lines) - 1} characters, {PATH.stat().st_size} bytes")
