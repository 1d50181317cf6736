/*
 * source/sim_levels.c - the levels around which sim: moves, in units of the currency for 1 US dollar.
 *
 * The 32 currencies of the European Central Bank's reference rates are those of 31 December 2015 (EUR/USD 1.0887), put on a US dollar
 * base and cut to six digits; source: European Central Bank. The others are round figures of that time: pegs where there is a peg,
 * else a rounded price, so that a simulated table looks like a real one. They are no published rates and nothing but sim: uses them.
 */
#include <stdlib.h>
#include <string.h>

#include "source/sim_levels.h"

/* sorted by code */
static const fxi_sim_level sim_level[] = {
    {"AED", {INT64_C(36725), 4}}, {"AFN", {INT64_C(685), 1}}, {"ALL", {INT64_C(1255), 1}},
    {"AMD", {INT64_C(484), 0}}, {"ANG", {INT64_C(179), 2}}, {"AOA", {INT64_C(1353), 1}}, {"ARS", {INT64_C(13), 0}},
    {"AUD", {INT64_C(136833), 5}}, {"AWG", {INT64_C(179), 2}}, {"AZN", {INT64_C(156), 2}},
    {"BAM", {INT64_C(179645), 5}}, {"BBD", {INT64_C(2), 0}}, {"BDT", {INT64_C(785), 1}},
    {"BGN", {INT64_C(179645), 5}}, {"BHD", {INT64_C(376), 3}}, {"BIF", {INT64_C(1550), 0}}, {"BMD", {INT64_C(1), 0}},
    {"BND", {INT64_C(14161), 4}}, {"BOB", {INT64_C(691), 2}}, {"BRL", {INT64_C(396041), 5}},
    {"BSD", {INT64_C(1), 0}}, {"BTN", {INT64_C(66154), 3}}, {"BWP", {INT64_C(1125), 2}}, {"BYN", {INT64_C(186), 2}},
    {"BZD", {INT64_C(2), 0}}, {"CAD", {INT64_C(138844), 5}}, {"CDF", {INT64_C(930), 0}},
    {"CHF", {INT64_C(995224), 6}}, {"CLF", {INT64_C(277), 4}}, {"CLP", {INT64_C(708), 0}},
    {"CNH", {INT64_C(657), 2}}, {"CNY", {INT64_C(648553), 5}}, {"COP", {INT64_C(3175), 0}},
    {"CRC", {INT64_C(532), 0}}, {"CUP", {INT64_C(24), 0}}, {"CVE", {INT64_C(10128), 2}},
    {"CZK", {INT64_C(248213), 4}}, {"DJF", {INT64_C(17772), 2}}, {"DKK", {INT64_C(68546), 4}},
    {"DOP", {INT64_C(455), 1}}, {"DZD", {INT64_C(1071), 1}}, {"EGP", {INT64_C(783), 2}}, {"ERN", {INT64_C(15), 0}},
    {"ETB", {INT64_C(211), 1}}, {"EUR", {INT64_C(918527), 6}}, {"FJD", {INT64_C(213), 2}},
    {"FKP", {INT64_C(67415), 5}}, {"FOK", {INT64_C(68546), 4}}, {"GBP", {INT64_C(674153), 6}},
    {"GEL", {INT64_C(239), 2}}, {"GGP", {INT64_C(67415), 5}}, {"GHS", {INT64_C(381), 2}},
    {"GIP", {INT64_C(67415), 5}}, {"GMD", {INT64_C(395), 1}}, {"GNF", {INT64_C(7700), 0}},
    {"GTQ", {INT64_C(763), 2}}, {"GYD", {INT64_C(2065), 1}}, {"HKD", {INT64_C(775016), 5}},
    {"HNL", {INT64_C(223), 1}}, {"HRK", {INT64_C(701571), 5}}, {"HTG", {INT64_C(567), 1}},
    {"HUF", {INT64_C(290236), 3}}, {"IDR", {INT64_C(138146), 1}}, {"ILS", {INT64_C(390199), 5}},
    {"IMP", {INT64_C(67415), 5}}, {"INR", {INT64_C(661537), 4}}, {"IQD", {INT64_C(1180), 0}},
    {"IRR", {INT64_C(30100), 0}}, {"ISK", {INT64_C(1297), 1}}, {"JEP", {INT64_C(67415), 5}},
    {"JMD", {INT64_C(1202), 1}}, {"JOD", {INT64_C(709), 3}}, {"JPY", {INT64_C(120391), 3}},
    {"KES", {INT64_C(1023), 1}}, {"KGS", {INT64_C(759), 1}}, {"KHR", {INT64_C(4050), 0}},
    {"KID", {INT64_C(136833), 5}}, {"KMF", {INT64_C(45188), 2}}, {"KRW", {INT64_C(117643), 2}},
    {"KWD", {INT64_C(3035), 4}}, {"KYD", {INT64_C(8333), 4}}, {"KZT", {INT64_C(3395), 1}},
    {"LAK", {INT64_C(8150), 0}}, {"LBP", {INT64_C(15075), 1}}, {"LKR", {INT64_C(144), 0}},
    {"LRD", {INT64_C(845), 1}}, {"LSL", {INT64_C(15572), 3}}, {"LYD", {INT64_C(139), 2}}, {"MAD", {INT64_C(991), 2}},
    {"MDL", {INT64_C(1966), 2}}, {"MGA", {INT64_C(3180), 0}}, {"MKD", {INT64_C(566), 1}},
    {"MMK", {INT64_C(1305), 0}}, {"MNT", {INT64_C(1996), 0}}, {"MOP", {INT64_C(798), 2}}, {"MRU", {INT64_C(339), 1}},
    {"MUR", {INT64_C(359), 1}}, {"MVR", {INT64_C(154), 1}}, {"MWK", {INT64_C(660), 0}},
    {"MXN", {INT64_C(173735), 4}}, {"MYR", {INT64_C(431331), 5}}, {"MZN", {INT64_C(475), 1}},
    {"NAD", {INT64_C(15572), 3}}, {"NGN", {INT64_C(199), 0}}, {"NIO", {INT64_C(279), 1}},
    {"NOK", {INT64_C(882061), 5}}, {"NPR", {INT64_C(10585), 2}}, {"NZD", {INT64_C(146257), 5}},
    {"OMR", {INT64_C(3845), 4}}, {"PAB", {INT64_C(1), 0}}, {"PEN", {INT64_C(341), 2}}, {"PGK", {INT64_C(301), 2}},
    {"PHP", {INT64_C(468439), 4}}, {"PKR", {INT64_C(1048), 1}}, {"PLN", {INT64_C(391651), 5}},
    {"PYG", {INT64_C(5800), 0}}, {"QAR", {INT64_C(364), 2}}, {"RON", {INT64_C(415541), 5}},
    {"RSD", {INT64_C(1117), 1}}, {"RUB", {INT64_C(741009), 4}}, {"RWF", {INT64_C(747), 0}},
    {"SAR", {INT64_C(3755), 3}}, {"SBD", {INT64_C(81), 1}}, {"SCR", {INT64_C(13), 0}}, {"SDG", {INT64_C(61), 1}},
    {"SEK", {INT64_C(84408), 4}}, {"SGD", {INT64_C(141609), 5}}, {"SHP", {INT64_C(67415), 5}},
    {"SLE", {INT64_C(405), 2}}, {"SLL", {INT64_C(4050), 0}}, {"SOS", {INT64_C(590), 0}}, {"SRD", {INT64_C(4), 0}},
    {"SSP", {INT64_C(12), 0}}, {"STN", {INT64_C(225), 1}}, {"SVC", {INT64_C(875), 2}}, {"SYP", {INT64_C(220), 0}},
    {"SZL", {INT64_C(15572), 3}}, {"THB", {INT64_C(360503), 4}}, {"TJS", {INT64_C(699), 2}},
    {"TMT", {INT64_C(35), 1}}, {"TND", {INT64_C(203), 2}}, {"TOP", {INT64_C(226), 2}}, {"TRY", {INT64_C(29177), 4}},
    {"TTD", {INT64_C(642), 2}}, {"TVD", {INT64_C(136833), 5}}, {"TWD", {INT64_C(329), 1}},
    {"TZS", {INT64_C(2155), 0}}, {"UAH", {INT64_C(24), 0}}, {"UGX", {INT64_C(3370), 0}}, {"USD", {INT64_C(1), 0}},
    {"UYU", {INT64_C(299), 1}}, {"UZS", {INT64_C(2810), 0}}, {"VES", {INT64_C(63), 1}}, {"VND", {INT64_C(22480), 0}},
    {"VUV", {INT64_C(112), 0}}, {"WST", {INT64_C(26), 1}}, {"XAF", {INT64_C(60251), 2}}, {"XCD", {INT64_C(27), 1}},
    {"XCG", {INT64_C(179), 2}}, {"XDR", {INT64_C(7216), 4}}, {"XOF", {INT64_C(60251), 2}},
    {"XPF", {INT64_C(10961), 2}}, {"YER", {INT64_C(2149), 1}}, {"ZAR", {INT64_C(155718), 4}},
    {"ZMW", {INT64_C(1099), 2}}, {"ZWL", {INT64_C(322), 0}},
};

#define SIM_LEVELS (sizeof sim_level / sizeof sim_level[0])

static int sim_level_order(const void *code, const void *row)
{
    return strcmp(code, ((const fxi_sim_level *)row)->code);
}

const fxi_sim_level *fxi_sim_level_find(const char *code)
{
    return bsearch(code, sim_level, SIM_LEVELS, sizeof sim_level[0], sim_level_order);
}

const fxi_sim_level *fxi_sim_level_at(size_t index)
{
    return index < SIM_LEVELS ? &sim_level[index] : NULL;
}
