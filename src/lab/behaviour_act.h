/*
 * What behaviours do: the functions behind the rows of lab/behaviour.c.
 */
#ifndef MK_LAB_BEHAVIOUR_ACT_H
#define MK_LAB_BEHAVIOUR_ACT_H

#include "lab/behaviour.h"

typedef void lab_act_fn(struct lab_visit *visit, const struct lab_behaviour *behaviour,
                        struct lab_turn *turn);

lab_act_fn lab_act_refuse;
lab_act_fn lab_act_hangup;
lab_act_fn lab_act_refuse_null;
lab_act_fn lab_act_refuse_sender;
lab_act_fn lab_act_refuse_own_name;
lab_act_fn lab_act_auth_required;
lab_act_fn lab_act_one_domain;
lab_act_fn lab_act_accept_all;
lab_act_fn lab_act_no_ehlo;
lab_act_fn lab_act_greylist;
lab_act_fn lab_act_postscreen;
lab_act_fn lab_act_fail_first;
lab_act_fn lab_act_rate;
lab_act_fn lab_act_max_connections;
lab_act_fn lab_act_rcpts_per_session;
lab_act_fn lab_act_session_limit;
lab_act_fn lab_act_rcpts_per_transaction;
lab_act_fn lab_act_harvest;
lab_act_fn lab_act_harvest_accept;
lab_act_fn lab_act_harvest_hangup;
lab_act_fn lab_act_drop;
lab_act_fn lab_act_reset;
lab_act_fn lab_act_silent;
lab_act_fn lab_act_deaf;
lab_act_fn lab_act_delay;
lab_act_fn lab_act_drip;
lab_act_fn lab_act_split;
lab_act_fn lab_act_bare_lf;
lab_act_fn lab_act_idle;
lab_act_fn lab_act_broken_pipelining;
lab_act_fn lab_act_careless;
lab_act_fn lab_act_gather;
lab_act_fn lab_act_hasty_quit;
lab_act_fn lab_act_lose_replies;
lab_act_fn lab_act_garbage;
lab_act_fn lab_act_extra;
lab_act_fn lab_act_http;
lab_act_fn lab_act_endless;
lab_act_fn lab_act_long_line;
lab_act_fn lab_act_tls_only;
lab_act_fn lab_act_starttls_broken;
lab_act_fn lab_act_starttls_inject;
lab_act_fn lab_act_starttls_silent;
lab_act_fn lab_act_forbidden;

#endif
