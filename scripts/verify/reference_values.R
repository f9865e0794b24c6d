#!/usr/bin/env Rscript
# Reference values of metafor and lme4 for the two frequentist estimators.
#
# Reads   tests/reference/inputs.json               counts of every data set, with its source
# Writes  tests/reference/freeman_tukey_metafor.json
#         tests/reference/random_effects_metafor.json
#         tests/reference/glmm_metafor_lme4.json
#         tests/reference/regression_metafor_lme4.json, of inputs_regression.json
# The tests compare models/frequentist/freeman_tukey.py and models/frequentist/glmm.py with these two files; they never
# run R. Rerun this script only to add a data set or to move to newer R packages.
#
# Install (Debian or Ubuntu; R 4.2 with metafor 3.8-1, lme4 1.1-31, jsonlite 1.8.4 made the files):
#   apt-get install -y --no-install-recommends r-base-core r-cran-metafor r-cran-lme4 r-cran-jsonlite
# Run, from the project's root (about ten seconds):
#   Rscript scripts/verify/reference_values.R

suppressPackageStartupMessages({
  library(jsonlite)
  library(metafor)
  library(lme4)
})

LEVEL <- 0.95
reference <- file.path("tests", "reference")
if (!file.exists(file.path(reference, "inputs.json"))) {
  stop("run from the project's root: tests/reference/inputs.json not found")
}
data_sets <- fromJSON(file.path(reference, "inputs.json"))$data_sets

made_with <- list(
  R = paste(R.version$major, R.version$minor, sep = "."),
  metafor = as.character(packageVersion("metafor")),
  lme4 = as.character(packageVersion("lme4")),
  jsonlite = as.character(packageVersion("jsonlite")),
  script = "scripts/verify/reference_values.R"
)

# jsonlite turns numeric vectors of length one into arrays unless unboxed; keep vectors as vectors.
scalar <- function(x) unbox(if (length(x) == 0) NA_real_ else as.numeric(x[[1]]))
write_pins <- function(x, name) {
  json <- toJSON(x, digits = I(17), pretty = 1, na = "null", null = "null")
  # one line per array, so that a changed number is a changed line
  arrays <- gregexpr("\\[[^][{}\"]*\\]", json)
  regmatches(json, arrays) <- lapply(regmatches(json, arrays), function(a) gsub("\\s+", " ", a))
  writeLines(json, file.path(reference, name))
}

# ---- Freeman-Tukey -------------------------------------------------------------------------------
# metafor's "PFT" is half the double arcsine, so its tau2 is a quarter of the full-scale one.
freeman_tukey <- function(d) {
  es <- escalc(measure = "PFT", xi = d$events, ni = d$total)
  fit <- rma(yi, vi, data = es, method = "DL", level = 100 * LEVEL)
  fixed <- rma(yi, vi, data = es, method = "FE", level = 100 * LEVEL)
  back <- function(t) transf.ipft.hm(t, targs = list(ni = d$total))
  pooled <- function(f) {
    p <- predict(f, transf = transf.ipft.hm, targs = list(ni = d$total))
    list(
      estimate = scalar(p$pred), lower = scalar(p$ci.lb), upper = scalar(p$ci.ub),
      theta = scalar(f$beta), theta_se = scalar(f$se), weights = as.numeric(weights(f))
    )
  }
  out <- list(
    source = unbox(d$source), events = d$events, total = d$total,
    yi = as.numeric(es$yi), vi = as.numeric(es$vi),
    random_effects = pooled(fit), fixed_effect = pooled(fixed),
    tau2 = scalar(fit$tau2), q = scalar(fit$QE), q_p = scalar(fit$QEp),
    i2 = scalar(fit$I2),
    harmonic_mean_total = scalar(1 / mean(1 / d$total))
  )
  if (fit$k >= 3) {
    half <- qt((1 + LEVEL) / 2, fit$k - 2) * sqrt(fit$se^2 + fit$tau2)
    out$prediction_t <- list(
      lower = scalar(back(c(fit$beta) - half)), upper = scalar(back(c(fit$beta) + half))
    )
  }
  out
}

# The published groups: Stata's metaprop takes fixed effect for pools of one or two studies.
between_groups <- function(names) {
  pools <- lapply(data_sets[names], function(d) {
    es <- escalc(measure = "PFT", xi = d$events, ni = d$total)
    rma(yi, vi, data = es, method = if (length(d$total) <= 2) "FE" else "DL")
  })
  theta <- sapply(pools, function(f) c(f$beta))
  se <- sapply(pools, function(f) f$se)
  fit <- rma(yi = theta, sei = se, method = "FE")
  list(
    groups = names, q = scalar(fit$QE), df = scalar(length(names) - 1), p = scalar(fit$QEp)
  )
}

arms <- c("monotherapy", "dual", "tki", "chemotherapy", "immunomodulator")
write_pins(list(
  made_with = lapply(made_with, unbox),
  call = lapply(list(
    transform = "es <- escalc(measure = \"PFT\", xi = events, ni = total)",
    random_effects = "fit <- rma(yi, vi, data = es, method = \"DL\")",
    fixed_effect = "rma(yi, vi, data = es, method = \"FE\")",
    back_transform = "predict(fit, transf = transf.ipft.hm, targs = list(ni = total))",
    heterogeneity = "fit$tau2, fit$QE, fit$QEp, fit$I2 of the random-effects fit",
    prediction_t = "transf.ipft.hm(fit$beta -+ qt(.975, fit$k - 2) * sqrt(fit$se^2 + fit$tau2))",
    between_groups = "rma(yi = group_theta, sei = group_se, method = \"FE\"): QE, QEp"
  ), unbox),
  scale = unbox("metafor's half scale: double y and theta, multiply vi and tau2 by 4"),
  data_sets = lapply(data_sets, freeman_tukey),
  between_groups = list(
    orr_treatments = between_groups(paste0("orr_", arms)),
    orr_lines = between_groups(c("orr_second_line", "orr_first_line")),
    trae_treatments = between_groups(paste0("trae_", arms))
  )
), "freeman_tukey_metafor.json")

# ---- DerSimonian-Laird, REML, Hartung-Knapp ------------------------------------------------------
# metafor's Fisher scoring stops at a step of 1e-5 by default; the threshold is lowered to agree in
# more digits than that.
random_effects <- function(d) {
  pooled <- function(measure, method, test) {
    es <- escalc(measure = measure, xi = d$events, ni = d$total)
    fit <- rma(
      yi, vi, data = es, method = method, test = test, level = 100 * LEVEL,
      control = list(threshold = 1e-13, maxiter = 10000, tau2.max = 1000)
    )
    p <- if (measure == "PFT") {
      predict(fit, transf = transf.ipft.hm, targs = list(ni = d$total))
    } else {
      predict(fit, transf = transf.ilogit)
    }
    list(
      theta = scalar(fit$beta), theta_se = scalar(fit$se), tau2 = scalar(fit$tau2),
      estimate = scalar(p$pred), lower = scalar(p$ci.lb), upper = scalar(p$ci.ub),
      prediction_lower = scalar(p$pi.lb), prediction_upper = scalar(p$pi.ub)
    )
  }
  out <- list()
  for (measure in c("PFT", "PLO")) for (method in c("DL", "REML")) for (test in c("z", "knha")) {
    out[[paste(measure, method, test)]] <- suppressWarnings(pooled(measure, method, test))
  }
  out
}
write_pins(list(
  made_with = lapply(made_with, unbox),
  call = lapply(list(
    "PFT REML knha" = paste(
      "es <- escalc(measure = \"PFT\", xi = events, ni = total); rma(yi, vi, data = es,",
      "method = \"REML\", test = \"knha\", control = list(threshold = 1e-13));",
      "predict(fit, transf = transf.ipft.hm, targs = list(ni = total))"
    ),
    "PLO DL z" = paste(
      "escalc(measure = \"PLO\"), method = \"DL\", test = \"z\", transf = transf.ilogit"
    )
  ), unbox),
  scale = unbox("PFT: metafor's half scale; double theta and its SE, multiply tau2 by 4"),
  data_sets = lapply(data_sets, random_effects)
), "random_effects_metafor.json")

# ---- binomial-normal GLMM ------------------------------------------------------------------------
# lme4 computes the deviance to about 1e-7 by default and cannot go below 1e-10; a maximum of such a
# function is known to the square root of that, 1e-5 at best, and the standard error is a finite
# difference of it. `tight` goes that far; restarts rid Nelder-Mead of an early stop.
tight <- glmerControl(
  optimizer = "Nelder_Mead", tolPwrss = 1e-10,
  optCtrl = list(maxfun = 1e5, FtolAbs = 1e-14, FtolRel = 1e-15, XtolRel = 1e-12)
)
glmer_fit <- function(d, nodes) {
  frame <- data.frame(x = d$events, m = d$total - d$events, study = factor(seq_along(d$total)))
  fit <- NULL
  for (i in 1:3) {
    start <- if (is.null(fit)) NULL else list(theta = getME(fit, "theta"), fixef = fixef(fit))
    fit <- suppressMessages(suppressWarnings(glmer(
      cbind(x, m) ~ 1 + (1 | study), data = frame, family = binomial, nAGQ = nodes,
      control = tight, start = start
    )))
  }
  list(
    mu = scalar(fixef(fit)), mu_se = scalar(sqrt(suppressWarnings(vcov(fit))[1, 1])),
    tau2 = scalar(VarCorr(fit)[[1]][1])
  )
}
glmm <- function(d) {
  fit <- suppressWarnings(rma.glmm(measure = "PLO", xi = d$events, ni = d$total, nAGQ = 7))
  rate <- predict(fit, transf = transf.ilogit)
  list(
    source = unbox(d$source), events = d$events, total = d$total,
    rma.glmm = list(
      mu = scalar(fit$beta), mu_se = scalar(fit$se), tau2 = scalar(fit$tau2),
      estimate = scalar(rate$pred), lower = scalar(rate$ci.lb), upper = scalar(rate$ci.ub)
    ),
    glmer_7 = glmer_fit(d, 7), glmer_100 = glmer_fit(d, 100)
  )
}
# "extreme" is left out: its tau is 12, and seven nodes are far from enough there.
glmm_sets <- setdiff(names(data_sets), "extreme")
write_pins(list(
  made_with = lapply(made_with, unbox),
  call = lapply(list(
    rma.glmm = "rma.glmm(measure = \"PLO\", xi = events, ni = total, nAGQ = 7)",
    glmer_7 = paste(
      "glmer(cbind(x, m) ~ 1 + (1 | study), family = binomial, nAGQ = 7), tolPwrss 1e-10,",
      "Nelder_Mead to 1e-12, restarted twice from its optimum"
    ),
    glmer_100 = "the same with nAGQ = 100, the most that lme4 allows"
  ), unbox),
  data_sets = lapply(data_sets[glmm_sets], glmm)
), "glmm_metafor_lme4.json")

# ---- the same with covariates --------------------------------------------------------------------
# Covariates as they are, not centred: slopes and tau2 do not depend on the centre, intercepts do.
regressions <- fromJSON(file.path(reference, "inputs_regression.json"))$data_sets
glmer_regression <- function(d, nodes) {
  # numbers far from zero are centred for the search, and the intercept moved back
  centre <- sapply(d$covariates, mean)
  x <- sweep(as.data.frame(d$covariates), 2, centre)
  frame <- cbind(
    data.frame(y = d$events, m = d$total - d$events, study = factor(seq_along(d$total))), x
  )
  formula <- reformulate(c(names(x), "(1 | study)"), response = "cbind(y, m)")
  fit <- NULL
  for (i in 1:3) {
    start <- if (is.null(fit)) NULL else list(theta = getME(fit, "theta"), fixef = fixef(fit))
    fit <- suppressMessages(suppressWarnings(glmer(
      formula, data = frame, family = binomial, nAGQ = nodes, control = tight, start = start
    )))
  }
  slopes <- fixef(fit)[-1]
  list(
    intercept = scalar(fixef(fit)[1] - sum(slopes * centre)),
    slopes = as.numeric(slopes),
    slopes_se = as.numeric(sqrt(diag(as.matrix(suppressWarnings(vcov(fit))))[-1])),
    tau2 = scalar(VarCorr(fit)[[1]][1]),
    log_likelihood = scalar(logLik(fit))
  )
}
regression <- function(d) {
  mods <- as.matrix(as.data.frame(d$covariates))
  fit <- suppressWarnings(rma.glmm(
    measure = "PLO", xi = d$events, ni = d$total, mods = mods, nAGQ = 7
  ))
  list(
    source = unbox(d$source),
    rma.glmm = list(
      intercept = scalar(fit$beta[1]), slopes = as.numeric(fit$beta)[-1],
      slopes_se = as.numeric(fit$se)[-1], tau2 = scalar(fit$tau2)
    ),
    glmer_25 = glmer_regression(d, 25)
  )
}
write_pins(list(
  made_with = lapply(made_with, unbox),
  call = lapply(list(
    rma.glmm = "rma.glmm(measure = \"PLO\", xi = events, ni = total, mods = mods, nAGQ = 7)",
    glmer_25 = paste(
      "glmer(cbind(y, m) ~ x + (1 | study), family = binomial, nAGQ = 25), x centred for the",
      "search; settings as for glmm_metafor_lme4.json"
    )
  ), unbox),
  data_sets = lapply(regressions, regression)
), "regression_metafor_lme4.json")
