"""Where crun differs from the specification (seen with 1.8.1, Debian 12's)."""

from __future__ import annotations

from .known_difference import Difference

_CONFIGS = "test_broken_configs.py::test_it_is_refused"
_NOTIFY = "test_seccomp_notify.py"
_DEVICES = "test_network_devices.py"
_HOOKS = "test_hooks.py"
_FAILURES = "test_hook_failures.py"
_ONE = "test_mount_options.py::TestOfOneMount"
_TREE = "test_mount_options.py::TestOfAWholeTree"

CRUN: tuple[Difference, ...] = (
    Difference(
        "runtime.md: 'Attempting to delete a container that is not stopped MUST have no effect on the container and "
        "MUST generate an error.' crun deletes a created one",
        ("test_lifecycle.py::TestDelete::test_deleting_a_created_container_is_an_error",),
    ),
    Difference(
        "runtime.md: 'If the ID provided ... is not valid in any other way': crun allows every sign but /, and that "
        "at the beginning",
        (
            "test_lifecycle.py::TestCreate::test_an_invalid_id_is_an_error[/{id}]",
            "test_lifecycle.py::TestCreate::test_an_id_of_other_signs_is_an_error",
        ),
    ),
    Difference(
        "runtime.md: 'This operation MUST send the specified signal to the container process.' crun sends none and "
        "succeeds",
        (
            "test_kill.py::test_an_unknown_signal_is_an_error[NOSUCH]",
            "test_kill.py::test_an_unknown_signal_is_an_error[SIGNOSUCH]",
        ),
    ),
    # The command line: runc's words, which the specification does not have.
    Difference(
        "not the specification's, but runc's `--keep`", ("test_run.py::test_keep_leaves_the_stopped_container",)
    ),
    Difference(
        "not the specification's, but runc's table",
        ("test_state.py::TestList::test_the_table_has_runc_s_columns", "test_ps.py::TestTable::*"),
    ),
    Difference(
        "not the specification's, but runc's empty list",
        ("test_ps.py::TestJson::test_of_a_stopped_container_there_are_none",),
    ),
    Difference(
        "not the specification's, but runc's words",
        (
            "test_command_line.py::TestWords::test_killing_an_ended_container",
            "test_command_line.py::TestWords::test_an_unknown_container",
            "test_command_line.py::TestLog::test_json_without_a_log_is_on_standard_error",
            "test_command_line.py::TestLog::test_debug_says_more",
            "test_command_line.py::TestStatus::test_a_failure_is_one",
            "test_ps.py::TestErrors::test_an_unknown_container",
        ),
    ),
    Difference(
        "not the specification's, but runc's HOME of a user whom passwd does not know",
        ("test_process.py::TestEnvironment::test_home_is_the_user_s[4242-/]",),
    ),
    Difference(
        "this crun has no handlers built in, and ignores the annotation that asks for one",
        ("test_crun_annotations.py::TestHandler::*",),
    ),
    Difference(
        "crun gives the caller's groups to the container's own process, and not to that of `exec`",
        ("test_crun_annotations.py::TestKeepOriginalGroups::test_so_does_exec",),
    ),
    Difference(
        "crun always says config.json, also where --config names another file",
        ("test_crun_options.py::TestConfig::test_a_missing_file_is_an_error_that_names_it",),
    ),
    Difference(
        "config.md: 'scheduler (object, OPTIONAL) is an object describing the scheduler properties for the process', "
        "'ioPriority (object, OPTIONAL)'. Unknown to this crun, which ignores them",
        tuple(
            f"test_scheduling.py::Test{name}::*"
            for name in ("Policies", "Flags", "RefusedSchedulers", "IOPriority", "Exec")
        ),
        sometimes=True,  # some values are those that the process has without them
    ),
    Difference(
        "config.md: 'execCPUAffinity (object, OPTIONAL) specifies CPU affinity used to execute the process.'; "
        "config-linux.md: 'memoryPolicy (object, OPTIONAL) sets the NUMA memory policy for the container.' Unknown to "
        "this crun, which ignores them",
        ("test_exec_affinity.py::*", "test_memory_policy.py::*"),
        sometimes=True,  # what the process has without them
    ),
    Difference(
        "config-linux.md: 'Currently no flag values are supported.' crun ignores them",
        ("test_scheduling.py::TestPersonality::test_flags_are_an_error",),
    ),
    Difference(
        "config.md: 'rlim.rlim_cur MUST match the configured value.' crun needs descriptors, and a file, "
        "itself after it "
        "has set the limit, and fails",
        (
            "test_rlimits.py::TestTinyLimits::test_open_files*",
            "test_rlimits.py::TestTinyLimits::test_others[FSIZE-0]",
            "test_rlimits.py::TestTinyLimits::test_all_at_once",
            "test_rlimits.py::TestExec::test_a_further_process_has_the_container_s",
            "test_rlimits.py::TestExec::test_a_file_says_others",
        ),
    ),
    Difference(
        "config.md: 'soft (uint64, REQUIRED)', 'hard (uint64, REQUIRED)'. crun takes null for 0, strings for "
        "numbers, and "
        "-1 for a great number",
        (
            "test_rlimits.py::TestNoLimit::test_what_is_no_number_of_64_bits_is_an_error[soft-1024]",
            "test_rlimits.py::TestNoLimit::test_what_is_no_number_of_64_bits_is_an_error[soft-None]",
            "test_rlimits.py::TestNoLimit::test_what_is_no_number_of_64_bits_is_an_error[hard--1]",
            "test_rlimits.py::TestNoLimit::test_what_is_no_number_of_64_bits_is_an_error[hard-1024]",
            "test_rlimits.py::TestNoLimit::test_what_is_no_number_of_64_bits_is_an_error[hard-None]",
        ),
    ),
    Difference(
        "config.md: 'If rlimits contains duplicated entries with same type, the runtime MUST generate an error.' crun "
        "does not look at those of exec",
        ("test_rlimits.py::TestExec::test_a_broken_one_is_an_error[rlimits[1].type-rlimits1]",),
    ),
    # Configurations that are accepted, or ignored in part.
    Difference(
        "config.md: 'Runtimes MUST generate an error when invalid or unsupported values are encountered.' crun does "
        "not check types and ranges",
        tuple(
            f"{_CONFIGS}[{name}]"
            for name in (
                "root.readonly is a word",
                "args is a string",
                "uid is a word",
                "hostname is a number",
                "options is a string",
                "memory limit is a word",
                "swappiness above 100",
                "device of unknown type",
                "device without numbers",
                "device rule without allow",
                "device rule with unknown access",
            )
        ),
    ),
    Difference("config.md: 'at least one entry is REQUIRED (non-Windows)'", (f"{_CONFIGS}[no args]",)),
    Difference("config.md: 'This value MUST be an absolute path.'", (f"{_CONFIGS}[relative cwd]",)),
    Difference("config.md: 'Keys MUST NOT be an empty string.'", (f"{_CONFIGS}[annotation without name]",)),
    Difference(
        "config.md: 'This specification extends the IEEE standard in that path MUST be absolute.'",
        tuple(f"{_CONFIGS}[relative path of {kind}]" for kind in ("startContainer", "poststart", "poststop")),
    ),
    Difference("config.md: 'If set, timeout MUST be greater than zero.'", (f"{_CONFIGS}[hook timeout of 0]",)),
    Difference(
        "config-linux.md: 'The values MUST be absolute paths in the container namespace.'",
        (f"{_CONFIGS}[relative masked path]", f"{_CONFIGS}[relative readonly path]"),
    ),
    Difference(
        "config-linux.md: 'Its value is either shared, slave, private or unbindable.'",
        (f"{_CONFIGS}[unknown propagation]", "test_rootfs.py::test_an_unknown_propagation_is_an_error"),
    ),
    Difference(
        "config-linux.md: 'If no mounted resctrl pseudo-filesystem is available ... the runtime MUST generate an "
        "error.'",
        (
            f"{_CONFIGS}[intelRdt without resctrl]",
            "test_intel_rdt.py::TestWithoutResctrl::test_it_is_an_error",
        ),
    ),
    Difference(
        "config.md: 'retains forward and backward compatibility within major versions'. crun: 'unknown version "
        "specified'",
        tuple(
            f"test_broken_configs.py::test_every_minor_version_is_accepted[{version}]"
            for version in ("1.2.1", "1.3.0", "1.99.0")
        ),
    ),
    # Namespaces.
    Difference(
        "config-linux.md: 'If a namespaces field contains duplicated namespaces with same type, the runtime MUST "
        "generate an error.'",
        (
            f"{_CONFIGS}[namespace twice]",
            "test_namespaces.py::TestErrors::test_a_namespace_twice",
            "test_namespaces.py::TestErrors::test_a_namespace_twice_once_by_path",
        ),
    ),
    Difference(
        "config-linux.md: 'This value MUST be an absolute path in the runtime mount namespace.'",
        ("test_namespaces.py::TestErrors::test_a_relative_path",),
    ),
    Difference(
        "config-linux.md: 'time - the container will be able to have its own clocks.' This crun fails in the new "
        "namespace",
        (
            "test_namespaces.py::test_a_namespace_without_path_is_new[time]",
            "test_namespaces.py::test_a_namespace_with_path_is_joined[time]",
            "test_namespaces.py::TestIsolation::test_time_offsets",
            f"{_NOTIFY}::TestTheProcess::test_in_a_time_namespace",
            "test_namespaces.py::TestIsolation::test_the_boottime_offset_is_seen_in_uptime",
            "test_time_offsets.py::test_both_clocks",
            "test_time_offsets.py::test_back_in_time",
            "test_time_offsets.py::test_no_offset_is_none",
            "test_time_offsets.py::test_a_namespace_without_offsets",
            "test_time_offsets.py::test_the_host_s_clock_stays",
            "test_time_offsets.py::test_with_a_user_namespace",
            "test_time_offsets.py::test_with_a_joined_user_namespace",
            "test_time_offsets.py::test_a_further_process_has_the_same_time",
        ),
    ),
    Difference(
        "config-linux.md: 'timeOffsets (object, OPTIONAL) sets the offset for Time Namespace.' Without one crun "
        "ignores it",
        ("test_time_offsets.py::TestErrors::test_without_a_time_namespace",),
    ),
    # Processes.
    Difference(
        "not the specification's, but runc's command line: crun has other ways to write some options of exec, looks at "
        "few values, and leaves a process running where its pid file cannot be written",
        ("test_exec_options.py::*",),
        sometimes=True,  # most of them are the same
    ),
    Difference(
        "config-linux.md: 'Seccomp provides application sandboxing mechanism': for the application. crun needs system "
        "calls of its own after it has loaded the filter, which a profile must allow",
        ("test_process_edges.py::TestHindrances::test_a_filter_of_nearly_everything",),
    ),
    Difference(
        "config.md: 'Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be "
        "granted'",
        (
            "test_process_edges.py::TestRights::test_effective_without_permitted_is_no_error",
            "test_process_edges.py::TestRights::test_inheritable_beyond_the_bounding_set_is_no_error",
        ),
    ),
    Difference(
        "config.md: 'Runtimes MUST generate an error when invalid or unsupported values are encountered.'",
        (
            "test_process_edges.py::TestUser::test_what_is_out_of_range_is_an_error[umask-512]",
            "test_process_edges.py::TestUser::test_what_is_out_of_range_is_an_error[additionalGids-5]",
        ),
    ),
    Difference(
        "config.md: 'oomScoreAdj adjusts the oom-killer score in [pid]/oom_score_adj for the process's [pid]'. crun's "
        "exec leaves its caller's",
        ("test_process_edges.py::TestOomScore::test_a_further_process_has_the_container_s",),
    ),
    Difference(
        "config.md: 'If the runtime cannot apply a property as specified in the configuration, it MUST generate an "
        "error'. crun's exec ignores an SELinux label where there is no SELinux",
        ("test_process_edges.py::TestRights::test_labels_of_a_module_that_is_not_there_are_an_error[exec-selinux*",),
    ),
    Difference(
        "not the specification's, but what engines mean by it: without AppArmor everything is unconfined. crun fails",
        ("test_process_edges.py::TestRights::test_unconfined_is_no_label",),
    ),
    Difference(
        "config.md: 'Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be "
        "granted'",
        ("test_capabilities.py::test_one_that_cannot_be_granted_is_a_warning",),
    ),
    Difference(
        "config.md: 'If unspecified, the umask should not be changed from the calling process' umask.' crun sets 022",
        ("test_process.py::TestUser::test_no_umask_is_the_caller_s[63]",),
    ),
    Difference(
        "config-linux.md: 'flags - list of flags to use with seccomp(2). A valid list of constants is shown below.'",
        ("test_seccomp.py::test_an_unknown_word_is_an_error[linux.seccomp.flags-value4]",),
    ),
    Difference(
        "runtime.md: 'Deleting a container MUST delete the resources that were created'. crun waits for the processes",
        ("test_run.py::test_children_of_the_process_end_with_it",),
    ),
    # Signals and freezing.
    Difference(
        "runtime.md: 'Additional values MAY be defined by the runtime ... to represent new runtime states'. A frozen "
        "container that has not been started is 'created' to crun",
        (
            "test_pause.py::TestState::test_a_created_one_can_be_paused_and_is_created_again",
            "test_pause.py::TestState::test_its_state_can_be_asked_for_often",
            "test_pause.py::TestErrors::test_a_paused_container_cannot_be_started",
        ),
    ),
    Difference(
        "not the specification's, but runc's errors: crun pauses and resumes whatever state the container is in",
        (
            "test_pause.py::TestErrors::test_pausing_twice",
            "test_pause.py::TestErrors::test_resuming_what_is_not_paused",
        ),
    ),
    Difference(
        "not the specification's, but runc's: all processes are paused. On v1 crun does not wait until they are",
        ("test_pause.py::TestPause::test_processes_that_fork_all_the_time_are_paused",),
        sometimes=True,
    ),
    Difference(
        "runtime.md: 'This operation MUST send the specified signal to the container process.' On v1 a frozen process "
        "does not die, and this crun does not thaw it; but after `--all` it thaws for any signal",
        (
            "test_pause.py::TestSignals::test_sigkill_ends_a_paused_container[-own pid namespace]",
            "test_pause.py::TestSignals::test_sigkill_ends_a_paused_container[-host's pid namespace]",
            "test_pause.py::TestSignals::test_a_signal_to_all_arrives_after_resume",
            "test_delete_force.py::test_sigkill_ends_a_container_with_a_frozen_cgroup_inside",
            "test_delete_force.py::test_a_cgroup_that_the_container_made_and_froze",
        ),
        sometimes=True,
    ),
    Difference(
        "not the specification's, but runc's: SIGKILL for a container in the host's pid namespace goes to all of its "
        "processes",
        ("test_kill.py::TestForkBombs::test_sigkill_to_its_process_ends_it[host*",),
    ),
    # Updates.
    Difference(
        "not the specification's, but runc's options and their values: units of sizes, `--cpu-burst`, `--cpu-idle`",
        (
            *(
                f"test_update.py::TestOptions::test_memory[{value}]"
                for value in ("64m-67108864", "64MiB-67108864", "65536k-67108864", "1g-1073741824")
            ),
            "test_update.py::TestOptions::test_burst",
            "test_update.py::TestOptions::test_idle",
            "test_update.py::TestErrors::test_a_wrong_value[--cpu-quota=half]",
            "test_update.py::TestErrors::test_a_wrong_value[--cpu-share=-5]",
            "test_update.py::TestErrors::test_a_wrong_value[--cpu-period=1k]",
            "test_update.py::TestErrors::test_a_wrong_value[--pids-limit=few]",
        ),
    ),
    Difference(
        "config-linux.md: 'with -1 indicating no limit (max)'; and runc's: 0 changes nothing. This crun writes the "
        "numbers as they are",
        (
            "test_update.py::TestOptions::test_no_quota",
            "test_update.py::TestOptions::test_number_of_processes[-1-max]",
            "test_update.py::TestDocument::test_zeros_change_nothing",
        ),
    ),
    Difference(
        "not the specification's, but runc's: an update never changes the devices. crun applies what engines send",
        ("test_update.py::TestDocument::test_the_devices_stay_as_they_are",),
    ),
    Difference(
        "config.md: 'Runtimes MUST generate an error when invalid or unsupported values are encountered.'",
        tuple(
            f"test_update.py::TestDocument::test_a_broken_one_is_an_error[{name}]"
            for name in ("an array", "a word", "a number", "a negative weight")
        ),
    ),
    Difference(
        "not the specification's, but runc's: a stopped container cannot be updated",
        ("test_update.py::TestStates::test_a_stopped_container",),
    ),
    Difference(
        "runtime.md: 'generating an error MUST leave the state of the environment as if the operation were "
        "never attempted'. crun leaves what it has set before the error",
        ("test_update.py::TestErrors::test_nothing_has_changed_then",),
    ),
    # Filesystems.
    Difference(
        "config-linux.md, Allowed Device list: 'The runtime MUST apply entries in the listed order.' crun does not "
        "deny one device of many that it has allowed, on cgroup v1 (on v2 it does)",
        ("test_device_rules.py::test_one_of_many_allowed_devices_is_denied",),
        sometimes=True,
    ),
    Difference(
        "config-linux.md, Cgroup ownership: 'the host uid that maps to the value of process.user.uid', 'if and only if "
        "the cgroup filesystem is to be mounted read/write'. crun gives it to the root of any user namespace",
        (
            "test_cgroup_ownership.py::TestV2::test_the_directory_and_the_listed_files_belong_to_the_user",
            "test_cgroup_ownership.py::TestV2::test_a_user_without_user_namespace_is_the_host_s",
            "test_cgroup_ownership.py::TestV2::test_not_with_a_read_only_mount",
            "test_cgroup_ownership.py::TestV2::test_not_without_the_mount",
        ),
    ),
    Difference(
        "config-linux.md: 'If a file already exists at path that does not match the requested device, the runtime MUST "
        "generate an error.' crun takes what is there",
        ("test_devices.py::TestConfiguredDevices::test_another_file_in_its_place_is_an_error",),
    ),
    Difference(
        "config-linux.md: 'readonlyPaths will set the provided paths as readonly', and not make them suid, dev and "
        "exec",
        ("test_masked_paths.py::TestReadonly::test_options_of_the_mount_are_kept",),
    ),
    Difference(
        "config.md: '`nosymfollow`: SHOULD', '`symfollow`: SHOULD'. Unknown to this crun",
        (
            f"{_ONE}::test_the_mount_has_it[tmpfs-nosymfollow]",
            f"{_ONE}::test_the_mount_has_it[bind-nosymfollow]",
            f"{_ONE}::test_it_is_undone_by_the_one_after_it[symfollow]",
            f"{_TREE}::test_all_mounts_have_it[rnosymfollow]",
        ),
    ),
    Difference(
        "config.md: '`rw`, `suid`, `dev`, `exec`, `atime`, `diratime`: MUST', 'Corresponds to mount(8)', where the "
        "last one wins. crun lets the restriction win",
        (f"{_ONE}::test_it_undoes_the_one_before_it", f"{_ONE}::test_the_filesystem_has_it_no_more[async-sync]"),
    ),
    Difference(
        "config.md: '`loud`, `silent`, `iversion`, `noiversion`: MUST'. crun passes them to the filesystem",
        tuple(f"{_ONE}::test_it_is_known[{option}]" for option in ("loud", "silent", "iversion", "noiversion")),
    ),
    Difference(
        "config.md: '`rnoatime`, `rnodiratime`, `rstrictatime` and so on: SHOULD'. crun sets the flags without their "
        "mask",
        (
            f"{_TREE}::test_all_mounts_have_it[rnoatime]",
            f"{_TREE}::test_all_mounts_have_it[rnodiratime]",
            f"{_TREE}::test_rstrictatime",
            f"{_TREE}::test_it_is_known[rdiratime]",
            f"{_TREE}::test_it_is_known[rnostrictatime]",
            f"{_TREE}::test_it_is_known[ratime]",
        ),
    ),
    Difference(
        "config-linux.md: 'slave: the rootfs mount receives propagation events from the host'",
        (
            "test_rootfs.py::TestPropagation::test_the_root_has_the_configured_propagation[slave-master]",
            "test_rootfs.py::TestPropagation::test_mounts_of_the_host_arrive_or_not[slave-True]",
        ),
    ),
    # Control groups.
    Difference(
        "config-linux.md: 'with -1 indicating no limit (max)'. This crun writes -1",
        ("test_resources.py::TestLimits::test_number_of_processes[-1-max]",),
        sometimes=True,  # on v1
    ),
    Difference(
        "runtime.md: 'If the runtime cannot apply a property as specified in the configuration, it MUST generate an "
        "error'. This crun skips rdma",
        ("test_resources.py::TestLimits::test_a_limit_whose_controller_is_missing_is_an_error[resources2-rdma]",),
    ),
    Difference(
        "config-linux.md: 'burst (uint64, OPTIONAL)'. Unknown to this crun",
        ("test_resources.py::TestLimits::test_burst",),
    ),
    Difference(
        "config-linux.md: 'hugepageLimits defines the hugepage sizes and limits for HugeTLB controller reservation "
        "accounting'. This crun limits only the pages in use",
        ("test_hugepages.py::test_reservations_and_use_of_pages_of_each_size",),
    ),
    Difference(
        "config-linux.md: 'weight (uint16, OPTIONAL) - specifies per-cgroup weight.' This crun does not know bfq's "
        "files of v1",
        ("test_block_io.py::test_weight", "test_block_io.py::test_weight_of_a_device"),
        sometimes=True,
    ),
    Difference(
        "runtime.md: 'generating an error MUST leave the state of the environment as if the operation were "
        "never attempted'. crun leaves the cgroup of a limit that the kernel refused",
        (
            "test_leftovers.py::test_a_run_that_fails_leaves_nothing[a bad cgroup limit]",
            "test_leftovers.py::test_a_create_that_fails_leaves_nothing[a bad cgroup limit]",
            "test_resources.py::TestLimits::test_what_the_kernel_refuses_is_an_error",
            "test_resources.py::TestLimits::test_a_limit_whose_controller_is_missing_is_an_error",
            "test_resources.py::TestLimits::test_what_v2_does_not_have_is_an_error",
            "test_resources.py::TestPath::test_none_leads_out_of_the_hierarchy",
            "test_block_io.py::test_a_device_that_does_not_exist_is_an_error",
            "test_block_io.py::test_a_weight_that_is_neither_of_both_is_an_error",
            "test_hugepages.py::test_a_size_that_this_machine_does_not_have_is_an_error",
            "test_unified.py::test_what_is_not_there_is_an_error",
            "test_unified.py::test_a_value_that_the_kernel_refuses_is_an_error",
        ),
        sometimes=True,
    ),
    # Hooks.
    Difference(
        "runtime.md: 'continue the lifecycle at step 12', after which 'The poststop hooks MUST be invoked by the "
        "runtime.'",
        (f"{_FAILURES}::TestWhileCreating::test_poststop_hooks_run",),
    ),
    Difference(
        "runtime.md: 'If any poststop hook fails, the runtime MUST log a warning'. crun says nothing",
        (f"{_FAILURES}::TestPoststop::test_the_failure_is_told",),
    ),
    Difference(
        "runtime.md: 'If any startContainer hook fails, the runtime MUST generate an error, stop the container'. "
        "crun's start has returned before the hook runs",
        (
            f"{_FAILURES}::TestWhileStarting::test_start_is_an_error[startContainer]",
            f"{_FAILURES}::TestWhileStarting::test_the_container_does_not_run[startContainer]",
            f"{_FAILURES}::TestWhileStarting::test_a_hook_that_takes_too_long_is_aborted[startContainer]",
            f"{_FAILURES}::test_after_a_failed_start_container_hook_the_program_has_not_run",
        ),
    ),
    Difference(
        "runtime.md: 'If any poststart hook fails, the runtime MUST generate an error, stop the container'. crun "
        "ignores it",
        (
            f"{_FAILURES}::TestWhileStarting::test_start_is_an_error[poststart]",
            f"{_FAILURES}::TestWhileStarting::test_the_container_does_not_run[poststart]",
            f"{_FAILURES}::TestWhileStarting::test_run_is_an_error[poststart]",
            f"{_FAILURES}::TestWhileStarting::test_a_hook_that_takes_too_long_is_aborted[poststart]",
        ),
        sometimes=True,  # it may die of SIGPIPE instead
    ),
    Difference(
        "runtime.md, steps 7 to 9: startContainer hooks, the program, poststart hooks. crun does not wait for the "
        "first two",
        (
            f"{_HOOKS}::TestOrder::test_the_kinds",
            f"{_HOOKS}::TestOrder::test_the_operation_that_calls_them[start]",
            f"{_HOOKS}::TestOrder::test_all_of_them_in_a_run",
            f"{_HOOKS}::TestOrder::test_poststart_runs_after_the_program_was_started",
        ),
        sometimes=True,
    ),
    Difference(
        "config.md: 'The poststop hooks MUST be called after the container is deleted'. crun calls them before",
        (f"{_HOOKS}::TestOrder::test_poststop_runs_when_the_container_is_gone",),
    ),
    Difference(
        "runtime.md, State: 'the absolute path to the container's bundle directory', 'creating ... created ... "
        "running ... stopped'. crun's startContainer hooks are told '/' and 'starting'",
        (
            f"{_HOOKS}::TestState::test_its_fields[startContainer]",
            f"{_HOOKS}::TestState::test_its_status[startContainer]",
        ),
    ),
    Difference(
        "runtime.md: 'For hooks executed in the container namespace, it is the pid as seen by the container.' crun "
        "says 0",
        (f"{_HOOKS}::TestState::test_the_pid_in_the_container_namespace",),
    ),
    Difference(
        "config.md: 'so that they may do work appropriate to the current state': a hook need not read it. crun dies of "
        "SIGPIPE",
        (
            f"{_HOOKS}::TestWhatTheyAreGiven::test_its_output_does_not_disturb_the_state_document",
            f"{_HOOKS}::TestState::test_a_hook_that_does_not_read_it_is_fine",
            f"{_HOOKS}::TestOrder::*",
            f"{_HOOKS}::TestWhatTheyAreGiven::*",
            f"{_HOOKS}::TestNamespaces::*",
        ),
        sometimes=True,
    ),
    # exec: not the specification's operation; the words and options are runc's.
    Difference(
        "config.md: 'env ... with the same semantics as IEEE Std 1003.1-2008's environ', which PATH is a part of: with "
        "--env this crun's exec has no PATH",
        ("test_exec.py::TestTheProcess::test_the_environment_is_the_container_s_and_more",),
    ),
    Difference(
        "not the specification's, but runc's `--additional-gids`, and its `--cap`, which adds to the container's",
        (
            "test_exec.py::TestTheProcess::test_additional_groups",
            "test_exec.py::TestTheProcess::test_more_capabilities",
        ),
    ),
    Difference(
        "config.md: 'rlimits allows setting resource limits for a process', 'oomScoreAdj adjusts the oom-killer score "
        "in [pid]/oom_score_adj for the process's [pid]'. crun's exec leaves both as the caller's",
        (
            "test_exec.py::TestTheProcess::test_limits_are_the_container_s",
            "test_exec.py::TestProcessFile::test_its_oom_score",
        ),
    ),
    Difference(
        "not the specification's, but runc's words, by which engines tell errors apart",
        (
            "test_exec.py::TestErrors::test_an_unknown_program",
            "test_exec.py::TestErrors::test_an_unknown_container",
        ),
    ),
    Difference(
        "runtime.md, Errors: 'generating an error MUST leave the state of the environment as if the operation were "
        "never attempted'. crun's failed exec leaves a zombie",
        ("test_exec.py::TestErrors::test_nothing_is_left_in_the_container",),
    ),
    Difference(
        "not the specification's, but what callers of other programs expect: crun does not run with a closed stream",
        ("test_descriptors.py::TestClosedStreams::*",),
    ),
    Difference(
        "runtime.md: 'the remaining hooks and lifecycle continue'. This crun writes the state to a hook that has ended "
        "already, and is killed by SIGPIPE then",
        ("test_hook_failures.py::TestPoststop::*",),
        sometimes=True,
    ),
    Difference(
        "not the specification's, but sd_listen_fds(3): this crun does not say how many there are, nor look for whom",
        ("test_descriptors.py::TestSocketActivation::*",),
        sometimes=True,
    ),
    Difference(
        "not the specification's, but what engines need: crun's exec says what failed in itself, not that the "
        "container has ended, and leaves processes behind that nobody waits for",
        ("test_exec_races.py::*",),
        sometimes=True,
    ),
    Difference(
        "not the specification's, but runc's command line: crun has no `--pidfd-socket`",
        ("test_descriptors.py::TestPidfdSocket::*",),
        sometimes=True,  # where it is an error anyway
    ),
    Difference(
        "config-linux.md: 'A set of network devices that MUST be made available in the container.' This crun "
        "ignores the field",
        (
            *(
                f"{_DEVICES}::{part}*"
                for part in ("TestMove", "TestTemplate", "TestAttributes", "TestEnd", "TestFailures")
            ),
            *(
                f"{_DEVICES}::TestErrors::test_{name}*"
                for name in (
                    "a_device",
                    "a_name",
                    "all_mistakes",
                    "an_alternative_name",
                    "the_runtime_s_own_namespace",
                    "the_same_name",
                    "without_a_network_namespace",
                )
            ),
        ),
    ),
    Difference(
        "runtime.md#state: 'ociVersion is version of the Open Container Initiative Runtime Specification with which "
        "the state complies.' What crun sends to a seccomp agent says 0.2.0, what it prints 1.0.0",
        (f"{_NOTIFY}::TestTheContainerProcessState::test_of_a_container",),
    ),
    Difference(
        "config-linux.md, the container process state: 'pid (int, REQUIRED) is the container process ID, as seen by "
        "the runtime.' Of a further process this crun says 0",
        (
            f"{_NOTIFY}::TestTheContainerProcessState::test_of_exec",
            f"{_NOTIFY}::TestTheContainerProcessState::test_of_exec_in_a_created_container",
        ),
    ),
    Difference(
        "config-linux.md, seccomp: 'The connection MUST NOT be reused and it MUST be closed after sending a seccomp "
        "state.' crun keeps it open as long as it runs",
        (f"{_NOTIFY}::TestTheContainerProcessState::test_the_connection_is_closed",),
    ),
    Difference(
        "config-linux.md, seccomp: 'If the SCMP_ACT_NOTIFY action is not used this value is ignored.' crun connects",
        (f"{_NOTIFY}::TestNobodyListens::test_no_action_needs_it",),
    ),
    Difference(
        "not the specification's, but runc's: SCMP_ACT_NOTIFY without listenerPath is an error. crun loads the filter, "
        "and each call that nobody answers fails",
        (f"{_NOTIFY}::TestNobodyListens::test_no_path",),
    ),
    # Terminals and waiting.
    Difference(
        "not the specification's: crun changes more of the caller's terminal than it puts back, and nothing where it "
        "is killed",
        ("test_terminals.py::TestMode::*",),
        sometimes=True,
    ),
    Difference(
        "config.md: 'consoleSize (object, OPTIONAL) specifies the console size'. crun sets the caller's some time "
        "after the process has begun, if at all",
        ("test_terminals.py::TestSize::*",),
        sometimes=True,
    ),
    Difference(
        "config.md: 'the pseudoterminal pty is duplicated on the process's standard streams', wherever the "
        "caller's are. crun needs a terminal of the caller on its stdin, and other streams that are open",
        (
            "test_terminals.py::TestNoTerminalOfTheCaller::*",
            "test_waiting.py::TestStreams::*",
        ),
        sometimes=True,
    ),
    Difference(
        "not the specification's: CVE-2025-52565 (what /dev/console of an image points to is mounted over)",
        ("test_terminals.py::TestConsole::test_a_link_in_its_place_leads_nowhere_outside",),
    ),
    Difference(
        "not the specification's, but runc's: crun ignores a socket that it has no use for",
        (
            "test_terminals.py::TestErrors::test_a_socket_without_a_terminal*",
            "test_terminals.py::TestErrors::test_nobody_would_have_the_terminal_of_exec",
        ),
        sometimes=True,
    ),
    Difference(
        "not the specification's: a process that crun executes with a terminal is root's unless told otherwise",
        ("test_terminals.py::TestTheProcess::test_of_another_user[exec]",),
    ),
    Difference(
        "not the specification's: what a process of exec writes to its terminal at once, crun takes for an error "
        "message",
        (
            "test_terminals.py::TestTheProcess::*",
            "test_floods.py::test_nothing_is_lost_when_it_ends_at_once",
        ),
        sometimes=True,
    ),
    Difference(
        "not the specification's: crun writes to a terminal, or from one, what is not always taken, and waits for good",
        (
            "test_floods.py::test_typed_at_a_terminal",
            "test_floods.py::test_a_reader_who_leaves_does_not_make_it_hang",
            "test_waiting.py::TestSignals::test_a_full_terminal_does_not_hold_them_up",
        ),
        sometimes=True,
    ),
    Difference(
        "not the specification's, but runc's: crun takes `--no-subreaper`, and is one",
        ("test_waiting.py::TestOrphans::test_with_the_option_others_do",),
    ),
    Difference(
        "not the specification's: sampan's waiting command is small",
        (
            "test_waiting.py::TestCost::test_it_is_small",
            "test_waiting.py::TestCost::test_it_is_small_with_a_terminal",
        ),
    ),
    Difference(
        "not the specification's, but runc's: crun has no `--keep`, deletes a successor with the same id, and fails "
        "where two delete at once; a container whose `run` was killed it does not know any more",
        (
            "test_waiting.py::TestTheEnd::test_keep_keeps_it",
            "test_waiting.py::TestTheEnd::test_somebody*",
            "test_waiting.py::TestTheEnd::test_a_killed_command_leaves_a_container_that_can_be_deleted",
        ),
        sometimes=True,
    ),
    Difference(
        "runtime.md#start: 'This operation MUST run the user-specified program'. crun says that it cannot by the "
        "container's own standard error, after a `start` that succeeded",
        ("test_process.py::TestArguments::test_a_start_that_fails_is_over_when_the_process_has_ended",),
    ),
)

CRUN_WAITS = (
    "test_delete_force.py::test_sigkill_ends_a_container_with_a_frozen_cgroup_inside",
    "test_exec.py::TestErrors::test_nothing_is_left_in_the_container",
    "test_exec_options.py::TestPidFile::test_in_a_directory_that_is_not_there*",
    "test_exec_races.py::*",
    "test_kill.py::TestForkBombs::test_sigkill_to_its_process_ends_it[host*",
    f"{_DEVICES}::TestErrors::test_a_device_that_is_not_there*",
    f"{_DEVICES}::TestEnd::test_a_virtual_device_goes_with_the_namespace*",
    "test_pause.py::TestSignals::test_sigkill_ends_a_paused_container*",
    f"{_NOTIFY}::TestTheContainerProcessState::test_of_exec_in_a_created_container",
    f"{_NOTIFY}::TestTheContainerProcessState::test_the_connection_is_closed",
)
