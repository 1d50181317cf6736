/* lane/lane_group.c - which partitions this lane's reader has, and telling the board what came and went. Logs without groups tell nothing. */
#include <stdio.h>
#include <string.h>

#include "base/instance.h"
#include "lane/lane_private.h"

#define LIST_TEXT 128

void fxi_lane_note(char list[LIST_TEXT], int32_t partition)
{
    char text[16];
    size_t used = strlen(list);
    int length = snprintf(text, sizeof text, used ? ",%d" : "%d", (int)partition);
    if (used + (size_t)length + 5 <= LIST_TEXT) /* room for ",..." stays */
        memcpy(list + used, text, (size_t)length + 1);
    else if (used + 5 <= LIST_TEXT && (used < 3 || memcmp(list + used - 3, "...", 3) != 0))
        memcpy(list + used, ",...", 5);
}

static void list_places(const fxi_lane *lane, char list[LIST_TEXT])
{
    memset(list, 0, LIST_TEXT);
    for (size_t i = 0; i < lane->place_count; i++)
        if (!lane->places[i]->release)
            fxi_lane_note(list, lane->places[i]->partition);
}

static bool member_of(const fxi_lane *lane, fxmon_member *member)
{
    memset(member, 0, sizeof *member);
    member->generation = -1;
    return lane->stream && lane->config.stream->member && lane->config.stream->member(lane->stream, member);
}

void fxi_lane_member(fxi_lane *lane, fxmon_status *status)
{
    fxmon_member member;
    list_places(lane, status->partitions);
    if (member_of(lane, &member))
        memcpy(status->member, member.id, sizeof status->member);
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = strnlen(text, size - 1);
    memcpy(out, text, length);
    out[length] = '\0';
}

static void tell(fxi_lane *lane, const fxmon_member *member, const char *kind, const char *partitions, int64_t duration)
{
    fxmon_rebalance event = {.time = lane->env->now(lane->env->user), .generation = member->generation, .duration = duration};
    copy_text(event.component, sizeof event.component, lane->config.component ? lane->config.component : lane->name);
    fxi_instance(event.instance);
    copy_text(event.group, sizeof event.group, lane->group);
    copy_text(event.member, sizeof event.member, member->id);
    copy_text(event.kind, sizeof event.kind, kind);
    copy_text(event.partitions, sizeof event.partitions, partitions);
    copy_text(event.reason, sizeof event.reason, member->reason);
    list_places(lane, event.assigned);
    lane->counted.rebalances++;
    fxi_log(lane->env, FXMON_LOG_INFO, lane->name, "partitions %s: %s%s%s; has %s", partitions[0] ? partitions : "none", kind,
            event.reason[0] ? ", " : "", event.reason, event.assigned[0] ? event.assigned : "none");
    fxi_board_rebalance(lane->config.board, &event);
}

/* The partitions that were assigned, once all of them are at work. */
static bool take_fresh(fxi_lane *lane, char list[LIST_TEXT])
{
    bool any = false;
    for (size_t i = 0; i < lane->place_count; i++) {
        if (lane->places[i]->fresh && lane->places[i]->phase != FXI_PLACE_RUN)
            return false;
        any |= lane->places[i]->fresh;
    }
    for (size_t i = 0; any && i < lane->place_count; i++) {
        if (lane->places[i]->fresh)
            fxi_lane_note(list, lane->places[i]->partition);
        lane->places[i]->fresh = false;
    }
    return any;
}

static bool releasing(const fxi_lane *lane)
{
    for (size_t i = 0; i < lane->place_count; i++)
        if (lane->places[i]->release)
            return true;
    return false;
}

void fxi_lane_tell(fxi_lane *lane)
{
    fxmon_member member;
    char fresh[LIST_TEXT] = "";
    bool lost = lane->lost[0] != '\0', revoked = lane->revoked[0] && !releasing(lane), empty = lane->idle_member && lane->seen_assignment;
    bool assigned = take_fresh(lane, fresh);
    if (!(lost || revoked || assigned || empty))
        return;
    bool grouped = member_of(lane, &member);
    int64_t now = fxi_lane_now(lane);
    if (lost && grouped)
        tell(lane, &member, "lost", lane->lost, -1);
    if (revoked && grouped)
        tell(lane, &member, "revoked", lane->revoked, lane->revoked_at ? now - lane->revoked_at : -1);
    if ((assigned || empty) && grouped)
        tell(lane, &member, "assigned", fresh, member.began ? now - member.began : -1);
    if (lost)
        lane->lost[0] = '\0';
    if (revoked) {
        lane->revoked[0] = '\0';
        lane->revoked_at = 0;
    }
    lane->seen_assignment = false;
}
