"""Where runc differs from the specification (seen with 1.1.5, Debian 12's)."""

from __future__ import annotations

from .known_difference import Difference

_CONFIGS = "test_broken_configs.py::test_it_is_refused"
_DEVICES = "test_network_devices.py"
_HOOKS = "test_hooks.py"
_NOTIFY = "test_seccomp_notify.py"
_FAILURES = "test_hook_failures.py"

RUNC: tuple[Difference, ...] = (
    Difference(
        "runtime.md: 'Attempting to delete a container that is not stopped MUST have no effect on the container and "
        "MUST generate an error.' runc deletes a created one",
        ("test_lifecycle.py::TestDelete::test_deleting_a_created_container_is_an_error",),
    ),
    # Configurations that are accepted, or ignored in part.
    Difference(
        "config.md: 'ociVersion (string, REQUIRED) MUST be in SemVer v2.0.0 format and specifies the version ... with"
        " which the bundle complies.' runc does not look at it",
        (
            f"{_CONFIGS}[no ociVersion]",
            f"{_CONFIGS}[ociVersion is no version]",
            f"{_CONFIGS}[ociVersion of another major]",
        ),
    ),
    Difference("config.md: 'Keys MUST NOT be an empty string.'", (f"{_CONFIGS}[annotation without name]",)),
    Difference(
        "config.md: 'This specification extends the IEEE standard in that path MUST be absolute.' runc finds out when"
        " it runs the hook, later than create",
        tuple(f"{_CONFIGS}[relative path of {kind}]" for kind in ("createContainer", "startContainer", "poststop")),
    ),
    Difference(
        "config-linux.md: 'path (string, REQUIRED) - full path to device inside container.' 'major, minor (int64, "
        "REQUIRED unless type is p)'",
        (f"{_CONFIGS}[device without path]", f"{_CONFIGS}[device without numbers]"),
    ),
    Difference(
        "config-linux.md: 'The values MUST be absolute paths in the container namespace.'",
        (f"{_CONFIGS}[relative masked path]", f"{_CONFIGS}[relative readonly path]"),
    ),
    Difference(
        "config-linux.md: 'allow (boolean, REQUIRED)', 'A composition of r (read), w (write), and m (mknod).'",
        (f"{_CONFIGS}[device rule without allow]", f"{_CONFIGS}[device rule with unknown access]"),
    ),
    Difference(
        "config-linux.md: 'names MUST contain at least one entry.'", (f"{_CONFIGS}[seccomp rule without names]",)
    ),
    Difference(
        "config-linux.md: 'If no mounted resctrl pseudo-filesystem is available in the runtime mount namespace, the "
        "runtime MUST generate an error.'",
        (
            f"{_CONFIGS}[intelRdt without resctrl]",
            "test_intel_rdt.py::TestWithoutResctrl::test_it_is_an_error[nothing]",
            "test_intel_rdt.py::TestWithoutResctrl::test_it_is_an_error[closID]",
            "test_intel_rdt.py::TestWithoutResctrl::test_it_is_an_error[enableMonitoring]",
        ),
    ),
    Difference(
        "config-linux.md, Personality: 'The valid list of constants is shown below.' Unknown to this runc",
        (f"{_CONFIGS}[unknown personality]",),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md: 'The values are from 0 to 100.' On cgroup v2, which has no swappiness, nobody looks",
        (f"{_CONFIGS}[swappiness above 100]",),
        sometimes=True,
    ),
    # Limits.
    Difference(
        "config-linux.md: 'burst (uint64, OPTIONAL)', 'idle (int64, OPTIONAL)'. Unknown to this runc",
        ("test_resources.py::TestLimits::test_burst", "test_resources.py::TestLimits::test_idle[1]"),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md: 'hugepageLimits defines the hugepage sizes and limits for HugeTLB controller reservation "
        "accounting'. This runc limits only the pages in use",
        ("test_hugepages.py::test_reservations_and_use_of_pages_of_each_size",),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md: 'You MUST specify at least one of weight or leafWeight in a given entry'",
        ("test_block_io.py::test_a_weight_that_is_neither_of_both_is_an_error",),
        sometimes=True,  # on v1
    ),
    Difference(
        "config-linux.md: 'If the conversion is not possible the runtime MUST generate an error.' runc skips what v2 "
        "does not have",
        ("test_resources.py::TestLimits::test_what_v2_does_not_have_is_an_error",),
    ),
    Difference(
        "config-linux.md: 'If the conversion is not possible the runtime MUST generate an error.' On v2 runc skips the "
        "network",
        (
            "test_resources.py::TestLimits::test_a_limit_whose_controller_is_missing_is_an_error[resources0-net_cls]",
            "test_resources.py::TestLimits::test_a_limit_whose_controller_is_missing_is_an_error[resources1-net_prio]",
        ),
        sometimes=True,
    ),
    Difference(
        "runtime.md: 'generating an error MUST leave the state of the environment as if the operation were never "
        "attempted', 'Deleting a container MUST delete the resources that were created'. runc does not always wait "
        "until its cgroup can be removed",
        (
            "test_leftovers.py::test_a_create_that_fails_leaves_nothing[a bad id mapping]",
            "test_leftovers.py::test_a_run_that_fails_leaves_nothing[a bad id mapping]",
            f"{_CONFIGS}[overlapping mappings]",
            f"{_CONFIGS}[mapping of no ids]",
            "test_run.py::test_children_of_the_process_end_with_it",
            "test_pause.py::TestPause::test_all_processes_are_paused[host's pid namespace]",
            "test_pause.py::TestSignals::test_sigkill_ends_a_paused_container*",
            "test_kill.py::TestForkBombs::test_a_signal_to_all_is_no_endless_chase[host*",
            "test_kill.py::TestForkBombs::test_it_is_deleted_by_force[host*",
            "test_delete_force.py::test_a_paused_container*",
            "test_delete_force.py::test_a_container_whose_process_was_killed_by_others*",
        ),
        sometimes=True,
    ),
    # Signals and freezing.
    Difference(
        "runtime.md: 'Deleting a container MUST delete the resources that were created'. On v1, where a frozen process "
        "does not die, runc thaws only the cgroup that it has made itself",
        (
            "test_delete_force.py::test_a_cgroup_that_the_container_made_and_froze",
            "test_delete_force.py::test_sigkill_ends_a_container_with_a_frozen_cgroup_inside",
        ),
        sometimes=True,
    ),
    Difference(
        "not the specification's, but runc's from 1.2 on: SIGKILL for a container in the host's pid namespace goes to "
        "all of its processes",
        ("test_kill.py::TestForkBombs::test_sigkill_to_its_process_ends_it[host*",),
        before=(1, 2),
    ),
    Difference(
        "not the specification's, but runc's from 1.2 on: no signal but SIGKILL thaws. Older ones thaw after `--all`",
        ("test_pause.py::TestSignals::test_a_signal_to_all_arrives_after_resume",),
        before=(1, 2),
    ),
    Difference(
        "not the specification's, but what `pause` is for. On v1 runc gives up, in its words, 'a game of chances'",
        (
            "test_pause.py::TestPause::test_processes_that_fork_all_the_time_are_paused",
            "test_pause.py::TestPause::test_often_in_a_row",
        ),
        sometimes=True,
    ),
    # Updates.
    Difference(
        "not the specification's, but runc's `--cpu-burst` and `--cpu-idle`",
        ("test_update.py::TestOptions::test_burst", "test_update.py::TestOptions::test_idle"),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md: 'memory (object, OPTIONAL)'. runc crashes when it is null",
        ("test_update.py::TestDocument::test_null_is_nothing",),
    ),
    Difference(
        "runtime.md: 'generating an error MUST leave the state of the environment as if the operation were never "
        "attempted'. runc puts back what it knows of, and not every limit in its place",
        ("test_update.py::TestErrors::test_nothing_has_changed_then",),
    ),
    # Processes.
    Difference(
        "config-linux.md: 'Seccomp provides application sandboxing mechanism': for the application. runc needs system "
        "calls of its own after it has loaded the filter, which a profile must allow",
        ("test_process_edges.py::TestHindrances::test_a_filter_of_nearly_everything",),
    ),
    Difference(
        "config.md: 'Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be "
        "granted'",
        (
            "test_capabilities.py::test_one_that_cannot_be_granted_is_a_warning",
            "test_process_edges.py::TestRights::test_effective_without_permitted_is_no_error",
            "test_process_edges.py::TestRights::test_inheritable_beyond_the_bounding_set_is_no_error",
        ),
    ),
    Difference(
        "config.md: 'If unspecified, the umask should not be changed from the calling process' umask.' runc sets 022",
        ("test_process.py::TestUser::test_no_umask_is_the_caller_s[63]",),
    ),
    Difference(
        "config.md: 'domainname specifies the container's domainname as seen by processes running inside the "
        "container.' Unknown to this runc",
        ("test_namespaces.py::TestNames::test_the_domainname",),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md: 'uidMappings (array of objects, OPTIONAL)'. runc: 'User namespaces enabled, but no uid "
        "mappings found'",
        ("test_namespaces.py::test_a_joined_user_namespace_needs_no_mappings",),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md: 'When the action doesn't support an errno, the runtime MUST print and error and fail.'",
        ("test_seccomp.py::test_an_errno_for_an_action_without_is_an_error",),
    ),
    Difference(
        "config-linux.md, seccomp: 'flags (array of strings, OPTIONAL) - list of flags to use with seccomp(2).' This "
        "runc: 'seccomp flags are not yet supported by runc'",
        (f"{_NOTIFY}::TestAnswers::test_with_a_flag",),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md, seccomp: 'names - the names of the syscalls.' runc: 'SCMP_ACT_NOTIFY cannot be used for the "
        "write syscall', by which its init hands over the descriptor",
        tuple(
            f"{_NOTIFY}::TestAnySystemCall::test_it_is_decided_by_the_agent[{verb}-write-{privileges}]"
            for verb in ("run", "exec")
            for privileges in (True, False)
        ),
    ),
    Difference(
        "config-linux.md, seccomp: 'defaultAction - Allowed values are the same as syscalls[].action.' runc: "
        "'SCMP_ACT_NOTIFY cannot be used as default action'",
        (f"{_NOTIFY}::TestAnySystemCall::test_all_of_them",),
    ),
    Difference(
        "config-linux.md, seccomp: 'action - the action for seccomp rules.' runc's init reads and writes under the "
        "filter until the program begins: a profile must allow it more than the program needs",
        (f"{_NOTIFY}::TestAnySystemCall::test_a_filter_that_denies_what_the_runtime_would_need_to_hand_it_over",),
    ),
    Difference(
        "config-linux.md, seccomp: 'The connection MUST NOT be reused and it MUST be closed after sending a seccomp "
        "state.' runc keeps it open as long as it runs",
        (f"{_NOTIFY}::TestTheContainerProcessState::test_the_connection_is_closed",),
    ),
    Difference(
        "config-linux.md, the container process state: 'state is the state of the container.' runc's is 'running', "
        "whatever it is",
        (f"{_NOTIFY}::TestTheContainerProcessState::test_of_exec_in_a_created_container",),
    ),
    Difference(
        "config-linux.md, seccomp: 'The runtime MUST send exactly one container process state'. An unprivileged runc "
        "may not take the descriptor from a further process: 'performing SYS_PIDFD_GETFD syscall: operation not "
        "permitted'",
        (f"{_NOTIFY}::TestRootless::test_exec",),
    ),
    Difference(
        "config-linux.md, seccomp: 'listenerPath specifies the path of UNIX domain socket'. runc takes one of 107 "
        "bytes at most",
        (f"{_NOTIFY}::TestTheContainerProcessState::test_a_socket_of_a_long_path",),
    ),
    Difference(
        "config.md: 'scheduler (object, OPTIONAL) is an object describing the scheduler properties for the process', "
        "'ioPriority (object, OPTIONAL)'; config-linux.md: 'personality (object, OPTIONAL)'. Unknown to this "
        "runc, which "
        "ignores them",
        ("test_scheduling.py::*",),
        before=(1, 2),
        sometimes=True,  # some values are those that the process has without them
    ),
    Difference(
        "config.md: 'rlim.rlim_cur MUST match the configured value.' runc needs descriptors itself after it "
        "has set the "
        "limit, and fails",
        (
            *(
                f"test_rlimits.py::TestTinyLimits::{test}"
                for test in (
                    "test_open_files[0-0]",
                    "test_open_files[1-1]",
                    "test_open_files[3-3]",
                    "test_open_files[4-4]",
                    "test_open_files[3-1024]",
                    "test_open_files[0-2000]",
                    "test_open_files_of_a_user_with_a_home",
                    "test_open_files_of_a_run_in_the_foreground",
                    "test_open_files_with_a_filter",
                    "test_all_at_once",
                )
            ),
            "test_rlimits.py::TestExec::test_a_further_process_has_the_container_s",
            "test_rlimits.py::TestExec::test_a_file_says_others",
        ),
    ),
    Difference(
        "config.md: 'rlim.rlim_cur MUST match the configured value.' Go raises the soft limit of open files at its "
        "start, and at times after runc has set it",
        ("test_exec.py::TestTheProcess::test_limits_are_the_container_s",),
        sometimes=True,
    ),
    Difference(
        "config.md: 'soft (uint64, REQUIRED)', 'hard (uint64, REQUIRED)'. runc takes null for 0",
        (
            "test_rlimits.py::TestNoLimit::test_what_is_no_number_of_64_bits_is_an_error[soft-None]",
            "test_rlimits.py::TestNoLimit::test_what_is_no_number_of_64_bits_is_an_error[hard-None]",
        ),
    ),
    Difference(
        "config.md: 'If rlimits contains duplicated entries with same type, the runtime MUST generate an error.' runc "
        "does not look at those of exec",
        ("test_rlimits.py::TestExec::test_a_broken_one_is_an_error[rlimits[1].type-rlimits1]",),
    ),
    Difference(
        "config.md: 'Runtimes MUST generate an error when invalid or unsupported values are encountered.' runc takes a "
        "umask of more bits than there are",
        ("test_process_edges.py::TestUser::test_what_is_out_of_range_is_an_error[umask-512]",),
    ),
    Difference(
        "runtime.md: 'Unless otherwise stated, generating an error MUST leave the state of the environment as if the "
        "operation were never attempted'. It does; but runc says what failed in itself, not that the container ended",
        ("test_exec_races.py::*",),
        sometimes=True,
    ),
    Difference(
        "not the specification's, but what engines mean by it: without AppArmor everything is unconfined. runc fails",
        ("test_process_edges.py::TestRights::test_unconfined_is_no_label",),
    ),
    Difference(
        "config.md: 'Runtimes MUST generate an error when invalid or unsupported values are encountered.' runc's "
        "exec cuts "
        "ids to 32 bits, and takes any oomScoreAdj",
        (
            "test_exec_options.py::TestUser::test_what_is_no_id_is_an_error[4294967296]",
            "test_exec_options.py::TestUser::test_what_is_no_group_is_an_error[4294967296]",
            "test_exec_options.py::TestTheFile::test_a_broken_field_is_an_error[oomScoreAdj-1001]",
        ),
    ),
    Difference(
        "config.md: 'umask (int, OPTIONAL) specifies the umask of the user.' runc's exec sets 022",
        (
            "test_exec_options.py::TestUser::test_the_container_s_umask_stays",
            "test_exec_options.py::TestTheFile::test_every_field",
        ),
    ),
    Difference(
        "config.md: 'By default, only the stdin, stdout and stderr file descriptors are kept open for the "
        "application by "
        "the runtime.' With fewer descriptors than it says, this runc passes on what it has opened itself in "
        "their place",
        (
            "test_exec_options.py::TestDescriptors::test_one_that_is_closed_is_an_error[1]",
            "test_exec_options.py::TestDescriptors::test_what_is_no_number_is_an_error[-1]",
        ),
    ),
    Difference(
        "not the specification's, but sd_listen_fds(3): runc does not hand on the names, crun does",
        ("test_descriptors.py::TestSocketActivation::test_names",),
    ),
    Difference(
        "not the specification's, but runc's command line: runc has `--pidfd-socket` since 1.2",
        ("test_descriptors.py::TestPidfdSocket::*",),
        before=(1, 2),
        sometimes=True,  # where it is an error anyway
    ),
    Difference(
        "config.md: 'execCPUAffinity (object, OPTIONAL) specifies CPU affinity used to execute the process.' "
        "Unknown to "
        "this runc, which ignores it",
        ("test_exec_affinity.py::*",),
        before=(1, 3),
        sometimes=True,  # where the process would run anyway
    ),
    Difference(
        "config-linux.md: 'memoryPolicy (object, OPTIONAL) sets the NUMA memory policy for the container.' Unknown to "
        "this runc, which ignores it",
        ("test_memory_policy.py::*",),
        before=(1, 4),
        sometimes=True,  # the default
    ),
    # Filesystems.
    Difference(
        "config-linux.md: 'If a file already exists at path that does not match the requested device, the runtime MUST "
        "generate an error.' runc takes what is there",
        ("test_devices.py::TestConfiguredDevices::test_another_file_in_its_place_is_an_error",),
    ),
    Difference(
        "config-linux.md, Allowed Device list: 'The runtime MUST apply entries in the listed order.' runc refuses a "
        "list that denies one device of many that it has allowed",
        ("test_device_rules.py::test_one_of_many_allowed_devices_is_denied",),
    ),
    Difference(
        "config-linux.md, Cgroup ownership: 'Runtimes SHOULD change the cgroup ownership if and only if the cgroup "
        "filesystem is to be mounted read/write'. runc leaves it to systemd, and does so with --systemd-cgroup only",
        (
            "test_cgroup_ownership.py::TestV2::test_the_container_can_make_cgroups_and_move_its_processes",
            "test_cgroup_ownership.py::TestV2::test_the_directory_and_the_listed_files_belong_to_the_user",
            "test_cgroup_ownership.py::TestV2::test_a_user_without_user_namespace_is_the_host_s",
        ),
    ),
    Difference(
        "runtime-linux.md: 'MUST create the following symlinks if the source file exists': /proc is optional. runc "
        "needs it",
        ("test_devices.py::TestDefaultDevices::test_a_container_without_proc",),
    ),
    Difference(
        "config.md: '`defaults`: MUST'. runc passes it to the filesystem",
        ("test_mount_options.py::TestOfOneMount::test_it_is_known[defaults]",),
        before=(1, 2),
    ),
    Difference(
        "config.md: '`rnostrictatime`: SHOULD', and `ratime` of the kind. runc clears the flag without its mask",
        (
            "test_mount_options.py::TestOfAWholeTree::test_it_is_known[rnostrictatime]",
            "test_mount_options.py::TestOfAWholeTree::test_it_is_known[ratime]",
        ),
    ),
    Difference(
        "config.md: '`rnoexec`: MUST'. runc knows it for bind mounts alone",
        ("test_mount_options.py::TestOfAnOverlay::test_it_has_its_attributes",),
    ),
    Difference(
        "config.md: 'idmap: Indicates that the mount MUST have an idmapping applied.' Unknown to this runc, and "
        "ignored",
        (
            "test_idmapped_mounts.py::test_owners_are_mapped",
            "test_idmapped_mounts.py::test_in_a_user_namespace_the_mapping_of_the_container_gives_root",
            "test_idmapped_mounts.py::test_without_any_mapping_it_is_an_error",
            "test_idmapped_mounts.py::test_one_half_of_a_mapping_is_an_error",
        ),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md: 'rootfsPropagation sets the rootfs's mount propagation.' runc sets that of the root it "
        "comes from",
        (
            "test_rootfs.py::TestPropagation::test_the_root_has_the_configured_propagation[shared-shared]",
            "test_rootfs.py::TestPropagation::test_the_root_has_the_configured_propagation[slave-master]",
            "test_rootfs.py::TestPropagation::test_the_root_has_the_configured_propagation[unbindable-unbindable]",
            "test_rootfs.py::TestPropagation::test_mounts_of_the_host_arrive_or_not[slave-True]",
        ),
    ),
    Difference(
        "config-linux.md: 'the container MUST inherit the runtime namespace of that type'; runtime.md: 'Deleting a "
        "container MUST delete the resources that were created'. runc leaves the bind mount of the root in the host's"
        " namespace",
        ("test_namespaces.py::test_without_a_mount_namespace_the_host_s_mounts_stay_as_they_are",),
    ),
    # Hooks.
    Difference(
        "config.md: 'The poststart hooks MUST be called after the user-specified process is executed but before the "
        "start operation returns.' runc calls them in create",
        (
            f"{_HOOKS}::TestOrder::test_the_kinds",
            f"{_HOOKS}::TestOrder::test_the_operation_that_calls_them[create]",
            f"{_HOOKS}::TestOrder::test_the_operation_that_calls_them[start]",
            f"{_HOOKS}::TestOrder::test_poststart_runs_after_the_program_was_started",
            f"{_HOOKS}::TestOrder::test_all_of_them_in_a_run",
            f"{_HOOKS}::TestState::test_its_status[poststart]",
            f"{_FAILURES}::TestWhileStarting::test_start_is_an_error[poststart]",
            f"{_FAILURES}::TestWhileStarting::test_the_container_does_not_run[poststart]",
            f"{_FAILURES}::TestWhileStarting::test_a_hook_that_takes_too_long_is_aborted[poststart]",
        ),
        before=(1, 2),
    ),
    Difference(
        "runtime.md: 'If any startContainer hook fails, the runtime MUST generate an error, stop the container'. "
        "runc's start has returned before the hook runs",
        (
            f"{_FAILURES}::TestWhileStarting::test_start_is_an_error[startContainer]",
            f"{_FAILURES}::TestWhileStarting::test_the_container_does_not_run[startContainer]",
            f"{_FAILURES}::TestWhileStarting::test_a_hook_that_takes_too_long_is_aborted[startContainer]",
            f"{_FAILURES}::test_after_a_failed_start_container_hook_the_program_has_not_run",
        ),
    ),
    Difference(
        "runtime.md: 'If any poststop hook fails, the runtime MUST log a warning, but the remaining hooks and "
        "lifecycle continue as if the hook had succeeded.'",
        (f"{_FAILURES}::TestPoststop::test_the_remaining_hooks_run",),
    ),
    Difference(
        "config.md: 'oomScoreAdj adjusts the oom-killer score in [pid]/oom_score_adj for the process's [pid]'. runc's "
        "exec leaves the container's",
        ("test_exec.py::TestProcessFile::test_its_oom_score",),
    ),
    Difference(
        "features.md: 'The runtime MUST recognize the elements in this array as the options of mounts objects'. This "
        "runc lists `defaults` and hands it on to the file system",
        ("test_features.py::test_its_mount_options_are_recognized",),
    ),
    Difference(
        "not the specification's, but options of newer versions",
        ("test_command_line.py::TestHelp::test_of_newer_options",),
        before=(1, 2),
    ),
    Difference(
        "config-linux.md: 'A set of network devices that MUST be made available in the container.' runc has "
        "them since 1.4, and ignores the field before",
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
    # Terminals and waiting.
    Difference(
        "not the specification's: nothing of runc survives SIGKILL that could give the caller's terminal its mode back",
        ("test_terminals.py::TestMode::test_it_is_restored_when_the_waiting_command_is_killed",),
    ),
    Difference(
        "config.md: 'the pseudoterminal pty is duplicated on the process's standard streams', wherever the "
        "caller's are. runc needs a terminal of the caller",
        ("test_terminals.py::TestNoTerminalOfTheCaller::*",),
    ),
    Difference(
        "not the specification's: a file of the image at /dev/console is emptied by runc, and CVE-2025-52565",
        (
            "test_terminals.py::TestConsole::test_a_file_in_its_place",
            "test_terminals.py::TestConsole::test_a_link_in_its_place_leads_nowhere_outside",
        ),
        before=(1, 2, 8),
    ),
    Difference(
        "config.md: 'consoleSize (object, OPTIONAL) specifies the console size'. From runc the process gets the "
        "caller's when it runs already",
        ("test_terminals.py::TestSize::test_at_first_it_is_the_caller_s",),
        sometimes=True,
    ),
    Difference(
        "not the specification's: runc leaves the caller's terminal to make '\\r\\n' of every '\\n', also of "
        "those that the container's wrote raw",
        (
            "test_floods.py::test_through_a_terminal_to_a_terminal",
            "test_floods.py::test_typed_at_a_terminal",
            "test_floods.py::test_nothing_is_lost_when_it_ends_at_once",
        ),
        sometimes=True,  # where there is none
    ),
    Difference(
        "not the specification's, but the shell's convention: 128 and the number of the signal. With a terminal, "
        "runc's status is 0 after SIGINT",
        tuple(
            f"test_terminals.py::TestMode::test_it_is_restored_when_a_signal_passed_on_ends_it[{verb}-2]"
            for verb in ("run", "exec")
        ),
    ),
    Difference(
        "not the specification's: Go's own signals (SIGPROF), and SIGWINCH, which is for a terminal, do not arrive",
        tuple(
            f"test_waiting.py::TestSignals::test_it_is_passed_on[{verb}-{number}]"
            for verb in ("run", "exec")
            for number in (27, 28)
        ),
    ),
    Difference(
        "not the specification's: runc wants standard streams when it has a terminal to relay",
        ("test_waiting.py::TestStreams::test_closed_ones_with_a_terminal",),
        sometimes=True,
    ),
    Difference(
        "not the specification's: sampan's waiting command is small, and neither does it delete a successor",
        (
            "test_waiting.py::TestCost::test_it_is_small",
            "test_waiting.py::TestCost::test_it_is_small_with_a_terminal",
            "test_waiting.py::TestTheEnd::test_somebody_has_made_another_meanwhile",
        ),
    ),
    Difference(
        "not the specification's, but engines look after containers by it. runc's own process in the container's "
        "cgroup has threads, which the limit refuses; it crashes",
        ("test_exec.py::TestTheProcess::test_it_enters_a_cgroup_whose_limit_of_processes_is_reached*",),
        sometimes=True,
    ),
    Difference(
        "runtime.md#start: 'This operation MUST run the user-specified program'. runc says that it cannot by the "
        "container's own standard error, after a `start` that succeeded",
        ("test_process.py::TestArguments::test_a_start_that_fails_is_over_when_the_process_has_ended",),
    ),
)

RUNC_WAITS = (
    "test_delete_force.py::test_a_cgroup_that_the_container_made_and_froze",
    "test_delete_force.py::test_sigkill_ends_a_container_with_a_frozen_cgroup_inside",
    "test_kill.py::TestForkBombs::test_sigkill_to_its_process_ends_it[host*",
    f"{_DEVICES}::TestErrors::test_a_device_that_is_not_there*",
    f"{_DEVICES}::TestEnd::test_a_virtual_device_goes_with_the_namespace*",
    f"{_NOTIFY}::TestTheContainerProcessState::test_the_connection_is_closed",
    "test_terminals.py::TestConsole::test_a_link_in_its_place_leads_nowhere_outside",
    "test_terminals.py::TestMode::test_it_is_restored_when_the_waiting_command_is_killed",
    "test_waiting.py::TestCost::*",
    "test_waiting.py::TestSignals::test_it_is_passed_on",
    "test_waiting.py::TestStreams::test_closed_ones_with_a_terminal",
)
