# The work item in R: base R with all draws as vectors, and the packages hesim and heemod where they are installed.
#
#   Rscript peers.R PROGRAM        base, hesim or heemod; ends with code 3 where its package is not installed
#
# says "ready", then reads lines "DRAWS<tab>TOTALS" from standard input: a table of draws by parameter name, and the
# file that takes their totals (cost, QALYs and life-years of observation, then of maintenance). "done" follows each.

MONTHS <- 480
PER_YEAR <- 12
DISCOUNT <- 0.035
STATES <- c("M", "T", "P", "S", "D")
ARMS <- c("observation", "maintenance")

# Increments of months t out of M, T, P and S, each to the states that follow it; p and t are recycled.
increments <- function(p, arm, t) {
  on <- arm == "maintenance"
  rising <- log(2) / p$median^p$shape * ((t + 1)^p$shape - t^p$shape)
  dies <- p$smr * exp(-4.3 + 0.095 * t / PER_YEAR) / PER_YEAR
  off <- p$malignancies / PER_YEAR
  malignancies <- if (on) off * p$malignancies_ratio else off
  list(
    list(p[[paste0("stops_", arm)]] / PER_YEAR, if (on) rising * p$ratio else rising, malignancies, dies),
    list(rising * p$ratio_after_stopping, malignancies * p$malignancies_after_stopping, dies),
    list(off * p$malignancies_after_progression, dies + p$excess_progression / PER_YEAR),
    list(dies + p$excess_malignancy / PER_YEAR)
  )
}

# Shares that stay and that move, from increments of competing exits.
shares <- function(exits) {
  total <- Reduce(`+`, exits)
  pace <- -expm1(-total) / total
  c(list(exp(-total)), lapply(exits, function(increment) increment * pace))
}

# Cost and utility per month in M, T, P and S, a column a state.
costs <- function(p, arm) {
  ratio <- if (arm == "maintenance") p$cost_progression_ratio else 1
  cbind(p[[paste0("cost_", arm)]] + p$cost_monitoring, p$cost_stopped, p$cost_progression * ratio, p$cost_malignancy)
}
utilities <- function(p, arm) {
  cbind(p[[paste0("utility_", arm)]], p$utility_stopped, p$utility_progression, p$utility_malignancy) / PER_YEAR
}

# Trapezium weight times discount factor at the 481 boundaries.
weights <- function() {
  ends <- c(0.5, rep(1, MONTHS - 1), 0.5)
  ends * (1 + DISCOUNT)^(-(0:MONTHS) / PER_YEAR)
}

# -------------------------------------------------------------------------------------------- base R, vectors of draws

base <- function(p) {
  w <- weights()
  found <- lapply(ARMS, function(arm) {
    x <- c(list(rep(1, nrow(p))), rep(list(numeric(nrow(p))), 3))
    spent <- lapply(x, `*`, w[1])
    for (t in 0:(MONTHS - 1)) {
      following <- rep(list(0), 5)
      moves <- lapply(increments(p, arm, t), shares)
      for (i in 1:4) for (j in seq_along(moves[[i]])) {
        to <- i + j - 1
        following[[to]] <- following[[to]] + x[[i]] * moves[[i]][[j]]
      }
      x <- following[1:4]
      spent <- Map(function(sum, now) sum + w[t + 2] * now, spent, x)
    }
    spent <- do.call(cbind, spent)
    cbind(rowSums(spent * costs(p, arm)), rowSums(spent * utilities(p, arm)), rowSums(spent) / PER_YEAR)
  })
  do.call(cbind, found)
}

# --------------------------------------------------------------------------------------------------------------- hesim

# Transition matrices (5, 5, months x arms x draws): the month runs fastest, then the arm, then the draw.
matrices <- function(p) {
  n <- nrow(p)
  each <- p[rep(seq_len(n), each = MONTHS), ]
  t <- rep(0:(MONTHS - 1), n)
  found <- array(0, c(5, 5, MONTHS, 2, n))
  found[5, 5, , , ] <- 1
  for (a in 1:2) {
    moves <- lapply(increments(each, ARMS[a], t), shares)
    for (i in 1:4) for (j in seq_along(moves[[i]])) found[i, i + j - 1, , a, ] <- moves[[i]][[j]]
  }
  array(found, c(5, 5, MONTHS * 2 * n))
}

# Its trapezium rule is the work item's; it discounts by exp(-rt), so that the annual rate enters as log(1 + r).
with_hesim <- function(p) {
  n <- nrow(p)
  data <- hesim_data(
    strategies = data.table::data.table(strategy_id = 1:2),
    patients = data.table::data.table(patient_id = 1),
    states = data.table::data.table(state_id = 1:4)
  )
  times <- (0:(MONTHS - 1)) / PER_YEAR
  ids <- tpmatrix_id(expand(data, by = c("strategies", "patients"), times = times), n)
  moves <- CohortDtstmTrans$new(params = tparams_transprobs(matrices(p), ids), cycle_length = 1 / PER_YEAR)
  values <- function(payoff) {
    rows <- lapply(1:2, function(a) {
      value <- c(PER_YEAR * payoff(p, ARMS[a]))
      data.table::data.table(sample = rep(1:n, 4), strategy_id = a, state_id = rep(1:4, each = n), value = value)
    })
    create_StateVals(stateval_tbl(data.table::rbindlist(rows), dist = "custom"), hesim_data = data, n = n)
  }
  model <- CohortDtstm$new(
    trans_model = moves, utility_model = values(utilities), cost_models = list(all = values(costs))
  )
  model$sim_stateprobs(n_cycles = MONTHS)
  model$sim_qalys(dr = log(1 + DISCOUNT))
  model$sim_costs(dr = log(1 + DISCOUNT))
  by_draw <- function(table, column, a) {
    own <- as.data.frame(table)[table$strategy_id == a, ]
    as.vector(tapply(own[[column]], own$sample, sum))
  }
  do.call(cbind, lapply(1:2, function(a) {
    cbind(by_draw(model$costs_, "costs", a), by_draw(model$qalys_, "qalys", a), by_draw(model$qalys_, "lys", a))
  }))
}

# -------------------------------------------------------------------------------------------------------------- heemod

# It counts 481 cycles at their beginning; weight and discount of each boundary are part of every payoff.
WEIGHTS <- weights()
BACKGROUND <- exp(-4.3 + 0.095 * (0:MONTHS) / PER_YEAR) / PER_YEAR
DERIVED <- alist(
  weight = WEIGHTS[model_time],
  rising = log(2) / median^shape * (model_time^shape - (model_time - 1)^shape),
  dies = smr * BACKGROUND[model_time],
  off = malignancies / 12, on = off * malignancies_ratio,
  stops0 = stops_observation / 12, stops1 = stops_maintenance / 12,
  rises1 = ratio * rising, rises_after = ratio_after_stopping * rising,
  off_after = malignancies_after_stopping * off, on_after = malignancies_after_stopping * on,
  off_later = malignancies_after_progression * off, dies_later = dies + excess_progression / 12,
  leave0 = stops0 + rising + off + dies, pace0 = -expm1(-leave0) / leave0,
  leave1 = stops1 + rises1 + on + dies, pace1 = -expm1(-leave1) / leave1,
  after0 = rises_after + off_after + dies, pace_after0 = -expm1(-after0) / after0,
  after1 = rises_after + on_after + dies, pace_after1 = -expm1(-after1) / after1,
  later = off_later + dies_later, pace_later = -expm1(-later) / later,
  dies_malignant = -expm1(-(dies + excess_malignancy / 12))
)

with_heemod <- function(p) {
  parameters <- do.call(define_parameters, c(as.list(p[1, ]), DERIVED))
  later <- alist(0, 0, C, pace_later * off_later, pace_later * dies_later, 0, 0, 0, C, dies_malignant, 0, 0, 0, 0, 1)
  moves <- function(first) do.call(define_transition, c(list(state_names = STATES), first, later))
  observed <- moves(alist(
    C, pace0 * stops0, pace0 * rising, pace0 * off, pace0 * dies,
    0, C, pace_after0 * rises_after, pace_after0 * off_after, pace_after0 * dies
  ))
  maintained <- moves(alist(
    C, pace1 * stops1, pace1 * rises1, pace1 * on, pace1 * dies,
    0, C, pace_after1 * rises_after, pace_after1 * on_after, pace_after1 * dies
  ))
  stopped <- define_state(cost = weight * cost_stopped, qaly = weight * utility_stopped / 12, ly = weight / 12)
  malignant <- define_state(cost = weight * cost_malignancy, qaly = weight * utility_malignancy / 12, ly = weight / 12)
  dead <- define_state(cost = 0, qaly = 0, ly = 0)
  observation <- define_strategy(
    transition = observed, T = stopped, S = malignant, D = dead,
    M = define_state(
      cost = weight * (cost_observation + cost_monitoring), qaly = weight * utility_observation / 12, ly = weight / 12
    ),
    P = define_state(cost = weight * cost_progression, qaly = weight * utility_progression / 12, ly = weight / 12)
  )
  maintenance <- define_strategy(
    transition = maintained, T = stopped, S = malignant, D = dead,
    M = define_state(
      cost = weight * (cost_maintenance + cost_monitoring), qaly = weight * utility_maintenance / 12, ly = weight / 12
    ),
    P = define_state(
      cost = weight * cost_progression * cost_progression_ratio, qaly = weight * utility_progression / 12,
      ly = weight / 12
    )
  )
  model <- run_model(
    observation = observation, maintenance = maintenance, parameters = parameters, cycles = MONTHS + 1,
    init = c(1, 0, 0, 0, 0), method = "beginning", cost = cost, effect = qaly
  )
  runs <- as.data.frame(update(model, newdata = p)$updated_model)
  do.call(cbind, lapply(ARMS, function(arm) {
    own <- runs[runs$.strategy_names == arm, ]
    as.matrix(own[order(own$.index), c("cost", "qaly", "ly")])
  }))
}

# --------------------------------------------------------------------------------------------------------------- serve

installed <- function(package) {
  if (!suppressWarnings(suppressPackageStartupMessages(require(package, character.only = TRUE, quietly = TRUE)))) {
    quit(status = 3)
  }
}

serve <- function(program) {
  if (program != "base") installed(program)
  run <- switch(program, base = base, hesim = with_hesim, heemod = with_heemod)
  input <- file("stdin", "r")
  cat("ready\n")
  flush(stdout())
  while (length(line <- readLines(input, 1)) > 0) {
    files <- strsplit(line, "\t")[[1]]
    totals <- suppressMessages(run(read.csv(files[1])))
    writeLines(apply(totals, 1, function(row) paste(format(row, digits = 17, trim = TRUE), collapse = ",")), files[2])
    cat("done\n")
    flush(stdout())
  }
}

program <- commandArgs(trailingOnly = TRUE)
if (length(program) == 1) serve(program)
