"""Trends of daily effects and their heterogeneity: statsmodels."""

import numpy as np
import statsmodels.api as sm
from scipy.stats import norm
from statsmodels.stats.meta_analysis import combine_effects

from . import golden, number, numbers


@golden
def trends():
    for seed in range(12):
        rng = np.random.default_rng(seed + 900)
        n = 3 + seed
        days = np.sort(rng.choice(40, n, replace=False)).astype(float)
        errors = np.round(rng.uniform(0.05, 0.4, n), 3)
        effects = np.round(0.3 - 0.01 * seed * days / 10 + errors * rng.normal(size=n), 4)
        fit = sm.WLS(effects, sm.add_constant(days), weights=1 / errors**2).fit(cov_type="fixed scale")
        combined = combine_effects(effects, errors**2)
        z = fit.params[1] / fit.bse[1]
        yield {"days": days.tolist(), "effects": effects.tolist(), "errors": errors.tolist(), "slope": number(fit.params[1]),
               "intercept": number(fit.params[0]), "standard_error": number(fit.bse[1]), "pvalue": number(2 * norm.sf(abs(z))),
               "mean": number(combined.mean_effect_fe), "mean_error": number(combined.sd_eff_w_fe), "q": number(combined.q),
               "q_pvalue": number(combined.test_homogeneity().pvalue), "i2": number(max(combined.i2, 0.0))}
