#!/usr/bin/env Rscript
# Reference values of metafor for rates with known standard errors, on three scales.
#
# Reads   data/outcomes.csv   disease control and objective response, as rates with patients
# Writes  tests/reference/survival_metafor.json
# Run, from the project's root, with r-cran-metafor and r-cran-jsonlite:
#   Rscript scripts/verify/survival_values.R

suppressPackageStartupMessages({
  library(jsonlite)
  library(metafor)
})

outcomes <- read.csv(file.path("data", "outcomes.csv"))
on_scale <- list(
  rate = list(g = identity, back = identity, slope = function(p) 1),
  logit = list(g = qlogis, back = plogis, slope = function(p) 1 / (p * (1 - p))),
  cloglog = list(
    g = function(p) -log(-log(p)), back = function(y) exp(-exp(-y)),
    slope = function(p) 1 / (p * -log(p))
  )
)

pool <- function(d, scale) {
  p <- d$events / d$total
  se <- sqrt(p * (1 - p) / d$total) * scale$slope(p)
  fits <- list(
    "DL z" = rma(scale$g(p), sei = se, method = "DL"),
    "REML knha" = rma(
      scale$g(p), sei = se, method = "REML", test = "knha", control = list(threshold = 1e-13)
    )
  )
  lapply(fits, function(fit) {
    list(
      estimate = unbox(scale$back(as.numeric(fit$beta))), lower = unbox(scale$back(fit$ci.lb)),
      upper = unbox(scale$back(fit$ci.ub)), tau = unbox(sqrt(fit$tau2)),
      i2 = unbox(fit$I2)
    )
  })
}

# rates of 0 and 1 need a correction, which is tested apart
inside <- outcomes[outcomes$events > 0 & outcomes$events < outcomes$total, ]
sets <- list(dcr = inside[inside$outcome == "dcr", ], orr = inside[inside$outcome == "orr", ])
pins <- list(
  made_with = list(
    R = unbox(paste(R.version$major, R.version$minor, sep = ".")),
    metafor = unbox(as.character(packageVersion("metafor"))),
    script = unbox("scripts/verify/survival_values.R")
  ),
  data_sets = lapply(sets, function(d) lapply(on_scale, function(scale) pool(d, scale)))
)
write_json(
  pins, file.path("tests", "reference", "survival_metafor.json"), pretty = TRUE, digits = 15
)
