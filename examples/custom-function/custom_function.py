"""The plan of the example in Python: fitted with the same functions, under the same names and versions, it is the same plan.

Run it beside ``plan.json``, which the Rust example wrote: ``python custom_function.py``.
"""

from pathlib import Path

import numpy as np

from mlcore.features import ColumnTransformer, CustomTransformer, DerivedColumns, Plan, custom

PAYMENTS = {
    "amount": [20.0, 35.5, 80.0, 950.0],
    "usual": [40.0, 20.0, 80.0, 50.0],
    "hour": [9, 23, 14, 3],
    "iban": ["DE89370400440532013000", "GB82WEST12345698765432", "DE89370400440532013001", "FR1420041010050500013M02606"],
}


def is_valid(iban):
    """Whether the check digits of an IBAN are right: ISO 13616, by the remainder of 97."""
    if iban is None:
        raise ValueError("it is missing")
    turned = iban[4:] + iban[:4]
    if len(iban) < 5 or not (turned.isascii() and turned.isalnum()):
        return False
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


@custom("valid_iban", version=1, features=["valid"])
def valid_iban(ibans):
    return np.array([is_valid(iban) for iban in ibans], dtype=float)


class RatioToMedian(CustomTransformer):
    """A number by the median of its column in the training table."""

    name, version = "ratio_to_median", 1

    def learn(self, *columns, y=None):
        return [float(np.nanmedian(column)) for column in columns]

    def compute(self, *columns):
        return tuple(column / median for column, median in zip(columns, self.state_))


def main():
    features = ColumnTransformer(
        [
            ("derived", DerivedColumns({"night": "hour < 6 or hour >= 22", "against_usual": "amount / usual"}), ["amount", "usual", "hour"]),
            ("iban", valid_iban(), ["iban"]),
            ("typical", RatioToMedian(), ["amount"]),
        ]
    )
    features.fit(PAYMENTS)
    print("plan", features.plan_hash)
    print("features", *features.get_feature_names_out())

    # What Rust fitted is read with the functions of Python, and the other way round.
    stored = Path(__file__).with_name("plan.json").read_bytes()
    plan = Plan.from_bytes(stored, functions=[valid_iban, RatioToMedian])
    print("the plan of Rust" if plan == features.plan() else "another plan", *(f"{name} version {version}" for name, version in plan.functions))
    for row in plan.transform(PAYMENTS):
        print(row.tolist())


if __name__ == "__main__":
    main()
