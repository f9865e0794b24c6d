# One measurement of a benchmark with brms or rstanarm; scripts/verify/benchmark.py calls it:
#   Rscript benchmark.R PEER MODEL DATA.csv SEED LAUNCHED OUT REPEAT
# Times go to OUT.json, draws (doubles, iteration fastest, then chain, then parameter) to OUT.bin.
arguments <- commandArgs(trailingOnly = TRUE)
peer <- arguments[1]; model <- arguments[2]; data <- read.csv(arguments[3])
seed <- as.integer(arguments[4]); launched <- as.numeric(arguments[5]); out <- arguments[6]
repeated <- arguments[7] == "1"
now <- function() as.numeric(Sys.time())
chains <- 4; iterations <- 2000; warmup <- 1000; accept <- 0.8
loaded <- suppressPackageStartupMessages(suppressWarnings(require(peer, character.only = TRUE)))
if (!loaded) {
  writeLines(sprintf('{"absent": "the R package %s is not installed"}', peer), paste0(out, ".json"))
  quit(status = 0)
}
options(mc.cores = 2)
imported <- now()
k <- nrow(data)
keep <- (seq_len(min(k, 100)) - 1) * k %/% min(k, 100) + 1

if (peer == "brms") {
  # headers of Boost from the system, where its R package is not installed
  rstan::rstan_options(boost_lib = "/usr/include")
  formula <- if (model == "pooled") {
    events | trials(total) ~ 1 + (1 | study)
  } else {
    events | trials(total) ~ 1 + (1 | group) + (1 | study)
  }
  prior <- c(set_prior("normal(0, 1.5)", class = "Intercept"),
             set_prior("normal(0, 1)", class = "sd"))
  program <- brm(formula, data = data, family = binomial(), prior = prior, chains = 0)
  compiled <- now()
  run <- function(seed) suppressMessages(update(
    program, recompile = FALSE, chains = chains, iter = iterations, warmup = warmup, seed = seed,
    refresh = 0, control = list(adapt_delta = accept)))
} else {
  compiled <- now()
  run <- function(seed) stan_glmer(
    cbind(events, total - events) ~ 1 + (1 | study), data = data, family = binomial(),
    prior_intercept = normal(0, 1.5), prior_covariance = decov(shape = 1, scale = 1),
    chains = chains, iter = iterations, warmup = warmup, seed = seed, refresh = 0,
    adapt_delta = accept)
}
fit <- run(seed)
sampled <- now()
warm <- "null"
if (repeated) {
  invisible(run(seed + 1L))
  warm <- sprintf("%.6f", now() - sampled)
}

draws <- as.array(fit)
column <- function(name) draws[, , name]
if (peer == "brms") {
  mu <- column("b_Intercept"); tau <- column("sd_study__Intercept")
  effects <- sprintf("r_study[%s,Intercept]", data$study[keep])
  sampler <- rstan::get_num_divergent(fit$fit)
} else {
  mu <- column("(Intercept)"); tau <- sqrt(column("Sigma[study:(Intercept),(Intercept)]"))
  effects <- sprintf("b[(Intercept) study:%s]", data$study[keep])
  sampler <- rstan::get_num_divergent(fit$stanfit)
}
parts <- list(mu, tau)
shift <- rep(list(0), length(keep))
if (model == "subgroup") {
  labels <- unique(data$group)
  groups <- lapply(sprintf("r_group[%s,Intercept]", labels), column)
  parts <- c(parts, list(column("sd_group__Intercept")), lapply(groups, function(g) mu + g))
  shift <- groups[match(data$group[keep], labels)]
}
parts <- c(parts, Map(function(name, s) mu + s + column(name), effects, shift))
connection <- file(paste0(out, ".bin"), "wb")
for (part in parts) writeBin(as.vector(part), connection)
close(connection)
writeLines(sprintf(
  paste0('{"imports": %.6f, "compilation": %.6f, "sampling": %.6f, "warm": %s, ',
         '"divergences": %d, "version": "%s"}'),
  imported - launched, compiled - imported, sampled - compiled, warm, as.integer(sampler),
  as.character(packageVersion(peer))), paste0(out, ".json"))
