# Completion for fish, which also knows the flags of a command that stands behind the cursor or before its flags.

function __qemu_trace_exporter_is
    # True if the line has one of these commands, or no command yet ("none").
    set -l commands serve check replay backfill explain qemu-args bpftrace schema top help version
    for word in (commandline -opc)[2..]
        if contains -- $word $commands
            contains -- $word $argv
            return
        end
    end
    contains -- none $argv
end

complete -c qemu-trace-exporter -f

set -l none -n '__qemu_trace_exporter_is none'
complete -c qemu-trace-exporter $none -a serve -d 'Follow trace logs and serve metrics (the default)'
complete -c qemu-trace-exporter $none -a check -d 'Check the config and summarize it'
complete -c qemu-trace-exporter $none -a replay -d 'Read recorded traces and print their metrics'
complete -c qemu-trace-exporter $none -a backfill -d 'Print the metrics of recorded traces over time'
complete -c qemu-trace-exporter $none -a explain -d 'Show how a line is read and which series it changes'
complete -c qemu-trace-exporter $none -a qemu-args -d 'Print the QEMU options that enable events'
complete -c qemu-trace-exporter $none -a bpftrace -d 'Print a bpftrace script for a QEMU without a log'
complete -c qemu-trace-exporter $none -a schema -d 'Print the JSON Schema of the config'
complete -c qemu-trace-exporter $none -a top -d 'Show VMs and disks by rate and latency'
complete -c qemu-trace-exporter $none -a help -d 'Print the help of a command'
complete -c qemu-trace-exporter $none -a version -d 'Print the version'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is help' -a 'serve check replay backfill explain qemu-args bpftrace schema top'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is check replay backfill explain top' -F

complete -c qemu-trace-exporter -l config.file -rF -d 'Config file or directory; repeatable'
complete -c qemu-trace-exporter -l trace.path -rF -d 'Trace log, glob, FIFO, or -; repeatable'
complete -c qemu-trace-exporter -l state.path -xa '(__fish_complete_directories)' -d 'Directory for checkpoints'
complete -c qemu-trace-exporter -l web.listen-address -x -d 'HOST:PORT, [IPV6]:PORT or unix:/PATH; repeatable'
complete -c qemu-trace-exporter -l web.config.file -rF -d 'TLS, users, headers and a rate limit'
complete -c qemu-trace-exporter -l web.systemd-socket -d 'Listen on the sockets that systemd passes'
complete -c qemu-trace-exporter -l web.telemetry-path -x -d 'Path of the metrics'
complete -c qemu-trace-exporter -l web.route-prefix -x -d 'Prefix of all HTTP paths'
complete -c qemu-trace-exporter -l web.startup-timeout -x -d 'Longest time to answer 503 at the start'
complete -c qemu-trace-exporter -l web.enable-lifecycle -d 'Allow POST /-/reload and PUT /-/log-level'
complete -c qemu-trace-exporter -l log.level -xa 'debug info warn error' -d 'Lowest level of messages to log'
complete -c qemu-trace-exporter -l log.format -xa 'logfmt json' -d 'Format of log messages'
complete -c qemu-trace-exporter -l version -d 'Print the version'
complete -c qemu-trace-exporter -s h -l help -d 'Print help'

complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none backfill' -l step -x -d 'Time between two samples'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none check replay' -l strict -d 'Exit with 1 on warnings or unread lines'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none check' -l format -xa 'text json' -d 'Output format'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none check' -l lint -d 'Also warn of names, units, pointers and cardinality'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none explain' -l summary -d 'Explain whole trace logs'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none explain' -l svg -rF -d 'Draw rates and latencies'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none bpftrace' -l binary -rF -d 'Binary of QEMU'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none bpftrace' -l pid -x -d 'Process ID of a running QEMU'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l address -x -d 'Address of the daemon'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l user -x -d 'Name for a daemon that asks for a password'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l password-file -rF -d 'File with the password'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l ca-file -rF -d 'Authorities of the certificate'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l cert-file -rF -d 'Certificate of the client'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l key-file -rF -d 'Key of the certificate'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l batch -d 'Print plain text'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l iterations -x -d 'End after so many updates'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l interval -x -d 'Time between two updates'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l sort -xa 'requests bytes latency events errors name' -d 'What comes first'
complete -c qemu-trace-exporter -n '__qemu_trace_exporter_is none top' -l vm -x -d 'Show one VM alone'
