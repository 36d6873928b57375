/* The work item, compiled: what a twin of the recursion in C would gain. Draws stand side by side in lanes, so that the
   compiler turns every step into vector instructions; blocks of lanes are shared out over the processors.
   Columns of `p` (rows lead): the 13 clinical parameters in the order of work_item.py. `spent` (8, rows). */
#include <math.h>

#define LANES 64
#define MONTHS 480

enum { SHAPE, MEDIAN, RATIO, AFTER, STOPS_0, STOPS_1, MALIGNANCIES, MORE, MALIGNANT_AFTER, MALIGNANT_PROGRESSED, SMR,
       EXCESS_PROGRESSION, EXCESS_MALIGNANCY };

typedef struct { double in[4][LANES], sum[4][LANES], ratio[LANES], stops[LANES], spm[LANES], spm_after[LANES]; } arm;

/* One month of one strategy: increments, what leaves, where it goes. */
static inline void month(arm *a, double w, const double *rise, const double *after, const double *dies,
                         const double *spm_p, const double *ex_p, const double *ex_s)
{
#pragma omp simd
    for (int i = 0; i < LANES; i++) {
        double m = a->in[0][i], t = a->in[1][i], p = a->in[2][i], s = a->in[3][i], d = dies[i];
        double up = a->ratio[i] * rise[i], up_t = after[i] * rise[i];
        double h_m = a->stops[i] + up + a->spm[i] + d, h_t = up_t + a->spm_after[i] + d;
        double h_p = spm_p[i] + d + ex_p[i], h_s = d + ex_s[i];
        double e_m = exp(-h_m), e_t = exp(-h_t), e_p = exp(-h_p), e_s = exp(-h_s);
        double q_m = m * (1.0 - e_m) / h_m, q_t = t * (1.0 - e_t) / h_t, q_p = p * (1.0 - e_p) / h_p;
        a->in[0][i] = m * e_m;
        a->in[1][i] = t * e_t + q_m * a->stops[i];
        a->in[2][i] = p * e_p + q_m * up + q_t * up_t;
        a->in[3][i] = s * e_s + q_m * a->spm[i] + q_t * a->spm_after[i] + q_p * spm_p[i];
        for (int j = 0; j < 4; j++) a->sum[j][i] += w * a->in[j][i];
    }
}

static void lanes(const double *p, long rows, long first, const double *known, const double *weight, double *spent)
{
    arm arms[2];
    double shape[LANES], scale[LANES], smr[LANES], after[LANES], spm_p[LANES], ex_p[LANES], ex_s[LANES];
    double before[LANES], rise[LANES], dies[LANES];
    for (int i = 0; i < LANES; i++) {
        long row = first + i < rows ? first + i : rows - 1;
#define P(column) p[(column) * rows + row]
        double off = P(MALIGNANCIES) / 12.0;
        shape[i] = P(SHAPE), scale[i] = log(2.0) / pow(P(MEDIAN), P(SHAPE)), smr[i] = P(SMR), after[i] = P(AFTER);
        spm_p[i] = off * P(MALIGNANT_PROGRESSED), ex_p[i] = P(EXCESS_PROGRESSION) / 12.0;
        ex_s[i] = P(EXCESS_MALIGNANCY) / 12.0, before[i] = 0.0;
        for (int k = 0; k < 2; k++) {
            arms[k].ratio[i] = k ? P(RATIO) : 1.0, arms[k].stops[i] = P(STOPS_0 + k) / 12.0;
            arms[k].spm[i] = k ? off * P(MORE) : off, arms[k].spm_after[i] = arms[k].spm[i] * P(MALIGNANT_AFTER);
            for (int j = 0; j < 4; j++) arms[k].in[j][i] = j == 0, arms[k].sum[j][i] = (j == 0) * weight[0];
        }
    }
    for (int t = 0; t < MONTHS; t++) {
        double log_time = log(t + 1.0);
#pragma omp simd
        for (int i = 0; i < LANES; i++) {
            double reached = scale[i] * exp(shape[i] * log_time);
            rise[i] = reached - before[i], before[i] = reached, dies[i] = smr[i] * known[t];
        }
        for (int k = 0; k < 2; k++) month(&arms[k], weight[t + 1], rise, after, dies, spm_p, ex_p, ex_s);
    }
    for (int k = 0; k < 2; k++)
        for (int j = 0; j < 4; j++)
            for (int i = 0; i < LANES && first + i < rows; i++) spent[(j * 2 + k) * rows + first + i] = arms[k].sum[j][i];
}

void work_item(const double *p, long rows, const double *known, const double *weight, double *spent)
{
#pragma omp parallel for schedule(static)
    for (long block = 0; block < (rows + LANES - 1) / LANES; block++)
        lanes(p, rows, block * LANES, known, weight, spent);
}
