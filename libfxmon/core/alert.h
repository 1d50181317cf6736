/*
 * core/alert.h - alerts inside the library: names, the one validation behind the rule line and the JSON body, the pure step of
 * one alert, and what the alert lane needs of a set beyond the public calls.
 */
#ifndef FXI_ALERT_H
#define FXI_ALERT_H
#include <fxmon/core.h>

/* Names as users write them; NULL if there is none. The *_find functions take any case and return -1 if there is none. */
const char *fxi_repeat_name(int repeat);     /* "episode" */
const char *fxi_severity_name(int severity); /* "warning" */
const char *fxi_phase_name(int phase);       /* "firing" */
const char *fxi_event_kind_name(int kind);   /* "fired", "repeated", "resolved" */
int fxi_condition_find(const char *text, size_t length);
int fxi_repeat_find(const char *text, size_t length);
int fxi_severity_find(const char *text, size_t length);
extern const char *const fxi_condition_names[]; /* NULL-terminated, for fxi_nearest and messages */

/** Everything a rule must fulfil however it was written: known condition, positive threshold, clear on the right side, durations not negative.
 *  FXMON_E_PAIR or FXMON_E_RANGE with the member's name in error->field. */
int fxi_alert_validate(const fxmon_alert *alert, fxmon_error *error);

/**
 * One sample for one alert: the whole of the semantics, pure. `position` is +1 for a price above threshold and clear, -1 below both, 0 else.
 * Returns 0 or the kind of the event, with duration and suppressed of the event filled in *event (other members are the caller's).
 * *ended: an alert with "repeat once" has fired.
 */
int fxi_alert_step(const fxmon_alert *alert, fxmon_alert_state *state, int position, int64_t time, fxmon_decimal price,
                   fxmon_event *event, bool *ended);
/** When the alert needs a look though its price crosses nothing: INT64_MAX never, INT64_MIN at the next sample. */
int64_t fxi_alert_due(const fxmon_alert *alert, const fxmon_alert_state *state);
/** Is an episode open whose most extreme price matters? */
bool fxi_alert_open(const fxmon_alert *alert, const fxmon_alert_state *state);

/** fxmon_event.id from the identity of the record that did it. */
void fxi_event_identify(fxmon_event *event, const char *stream);

/* ---- a set, as the alert lane uses it ------------------------------------------------------------ */

/** fxmon_alerts_check for a record of a log: its place becomes part of the events and of their ids. `stream` is borrowed until the iteration ends.
 *  (fxmon_alerts_check itself uses the quote's source as stream, partition 0 and its time as offset.) */
fxmon_alert_iter fxi_alerts_at(fxmon_alerts *alerts, const fxmon_quote *quote, const char *stream, int32_t partition, int64_t offset);
/** The pair's last sample had this time: what is not newer is late. Never goes back. */
int fxi_alerts_last(fxmon_alerts *alerts, const fxmon_pair *pair, int64_t time);
/** States that differ from what the last call of fxi_alerts_saved knew; stops when fn returns false. */
void fxi_alerts_changed(fxmon_alerts *alerts, bool (*fn)(void *user, const fxmon_alert *alert, const fxmon_alert_state *state), void *user);
void fxi_alerts_saved(fxmon_alerts *alerts);
/** By position 0..count-1, in no order that means anything; positions hold until the next insert or remove. */
const fxmon_alert *fxi_alerts_item(const fxmon_alerts *alerts, size_t index);
#endif
