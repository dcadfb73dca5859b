/* Shared by vm.c (the states), vm-ops.c (the hypervisor) and vm-boot.c (agent, screen, boot). */
#pragma once
#include "core/core.h"

/* vm.c */
SkLivePool *sk_vm_pool (SkLiveVm *vm); /* NULL when it was deleted */
/* The one way to another state. FALSE: not written, nothing changed. reason NULL: keeps the old one. */
gboolean sk_vm_set_state (SkLiveVm *vm, SkVmState state, const char *reason);
/* For steps that go on only when they are durable. */
void sk_vm_set_state_or_fail (SkLiveVm *vm, SkVmState state);
void sk_vm_drop_agent (SkLiveVm *vm);
void sk_vm_drop_screen (SkLiveVm *vm);
void sk_vm_clear_timers (SkLiveVm *vm);

/* vm-ops.c */
void sk_vm_start_op (SkLiveVm *vm, SkVmOp op);
/* sk_live_vm_fail() with an error's words behind the sentence. */
void sk_vm_fail_with (SkLiveVm *vm, const char *both, const GError *error);

/* vm-boot.c */
/* Its domain runs: everything up to warm or stored follows. */
void sk_vm_begin_boot (SkLiveVm *vm);
void sk_vm_connect_agent (SkLiveVm *vm);
void sk_vm_share_files (SkLiveVm *vm);
/* It was resumed for its user. */
void sk_vm_attached (SkLiveVm *vm);
/* Tells the guest what it has to know as soon as it can hear. */
void sk_vm_talk (SkLiveVm *vm);
