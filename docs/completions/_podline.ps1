
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'podline' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'podline'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'podline' {
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Addresses to listen on: IP addresses or `localhost`, separated by commas')
            [CompletionResult]::new('--all-ports', '--all-ports', [CompletionResultType]::ParameterName, 'Forward every TCP port that the target declares, besides those that are listed')
            [CompletionResult]::new('--balance', '--balance', [CompletionResultType]::ParameterName, 'Which pod each connection goes to; the default depends on the target')
            [CompletionResult]::new('--exit-on-loss', '--exit-on-loss', [CompletionResultType]::ParameterName, 'End when a pod is lost, as kubectl does, rather than go on with its successor')
            [CompletionResult]::new('--half-close-linger', '--half-close-linger', [CompletionResultType]::ParameterName, 'How long a pod may be silent before the end of an app that half-closed is passed on to it')
            [CompletionResult]::new('--hold', '--hold', [CompletionResultType]::ParameterName, 'How long a connection waits for a pod while there is none, before it is reset')
            [CompletionResult]::new('--max-sessions', '--max-sessions', [CompletionResultType]::ParameterName, 'How many sessions to a pod may be made so that each connection has its own')
            [CompletionResult]::new('--pod-running-timeout', '--pod-running-timeout', [CompletionResultType]::ParameterName, 'How long to wait until a pod of the target is running, such as `5s`, `2m` or `3h`')
            [CompletionResult]::new('--ports-file', '--ports-file', [CompletionResultType]::ParameterName, 'Tell scripts where the ports are: a line for each address, in a file that is there as long as they are')
            [CompletionResult]::new('--require-ready', '--require-ready', [CompletionResultType]::ParameterName, 'Let connections wait for a pod that is ready, rather than use one that only runs where none is')
            [CompletionResult]::new('--stalled-reader', '--stalled-reader', [CompletionResultType]::ParameterName, 'How long a connection may take nothing while another waits behind it on the same session, before it is reset')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait with --wait')
            [CompletionResult]::new('--transport', '--transport', [CompletionResultType]::ParameterName, 'How to ask the API server for the connection into the pod')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Say `Forwarding from`, and run a program, only once the ports are open inside the pod')
            [CompletionResult]::new('--http', '--http', [CompletionResultType]::ParameterName, 'Show each HTTP request as a line on standard error, and what other connections speak')
            [CompletionResult]::new('--http-show-query', '--http-show-query', [CompletionResultType]::ParameterName, 'Show the values of queries too, which may be secrets')
            [CompletionResult]::new('--metrics', '--metrics', [CompletionResultType]::ParameterName, 'Serve metrics for Prometheus at http://ADDRESS/metrics')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print in the place of kubectl''s lines')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print in the place of kubectl''s lines')
            [CompletionResult]::new('--web', '--web', [CompletionResultType]::ParameterName, 'Show what goes through on a web page, at an address or at any free port of 127.0.0.1')
            [CompletionResult]::new('--web-allow-remote', '--web-allow-remote', [CompletionResultType]::ParameterName, 'Let `--web` listen on an address that other machines reach; everything goes there unencrypted')
            [CompletionResult]::new('--pcap', '--pcap', [CompletionResultType]::ParameterName, 'Record all connections into a new pcapng file, for Wireshark; `-` is standard output')
            [CompletionResult]::new('--pcap-limit', '--pcap-limit', [CompletionResultType]::ParameterName, 'Size at which the capture ends, such as `512MiB`; the forward goes on')
            [CompletionResult]::new('--pcap-overwrite', '--pcap-overwrite', [CompletionResultType]::ParameterName, 'Replace the file if it exists')
            [CompletionResult]::new('--pcap-snaplen', '--pcap-snaplen', [CompletionResultType]::ParameterName, 'Bytes of each packet that are recorded, its headers included; by default all')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('--v', '--v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'The namespace of targets that name none')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The namespace of targets that name none')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'The kubeconfig''s context to use')
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'The kubeconfig file to read, and no other')
            [CompletionResult]::new('--cluster', '--cluster', [CompletionResultType]::ParameterName, 'The kubeconfig''s cluster to use')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The kubeconfig''s user to use')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The URL of the API server')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The URL of the API server')
            [CompletionResult]::new('--proxy-url', '--proxy-url', [CompletionResultType]::ParameterName, 'The proxy to the API server')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'The bearer token to show to the API server')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'The user name for basic authentication')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'The password for basic authentication')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'The user, or service account, to act as')
            [CompletionResult]::new('--as-group', '--as-group', [CompletionResultType]::ParameterName, 'A group to act as; can be given more than once')
            [CompletionResult]::new('--as-uid', '--as-uid', [CompletionResultType]::ParameterName, 'The UID to act as')
            [CompletionResult]::new('--as-user-extra', '--as-user-extra', [CompletionResultType]::ParameterName, 'Something more about the user to act as, as KEY=VALUE; can be given more than once')
            [CompletionResult]::new('--certificate-authority', '--certificate-authority', [CompletionResultType]::ParameterName, 'The file with the certificates that the API server''s is checked against')
            [CompletionResult]::new('--client-certificate', '--client-certificate', [CompletionResultType]::ParameterName, 'The file with the certificate to show to the API server')
            [CompletionResult]::new('--client-key', '--client-key', [CompletionResultType]::ParameterName, 'The file with the key of that certificate')
            [CompletionResult]::new('--tls-server-name', '--tls-server-name', [CompletionResultType]::ParameterName, 'The name that the API server''s certificate must be for, if not the URL''s')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate for the API server''s; whoever is in between can read and change everything')
            [CompletionResult]::new('--request-timeout', '--request-timeout', [CompletionResultType]::ParameterName, 'How long one request to the API server may take; `0` is no limit of its own')
            [CompletionResult]::new('--cache-dir', '--cache-dir', [CompletionResultType]::ParameterName, 'kubectl''s cache of discovery; podline needs no discovery')
            [CompletionResult]::new('--disable-compression', '--disable-compression', [CompletionResultType]::ParameterName, 'Ask for no compression; podline asks for none')
            [CompletionResult]::new('--kuberc', '--kuberc', [CompletionResultType]::ParameterName, 'kubectl''s file of preferences')
            [CompletionResult]::new('--log-flush-frequency', '--log-flush-frequency', [CompletionResultType]::ParameterName, 'kubectl''s time between two writes of its log; podline''s is written at once')
            [CompletionResult]::new('--match-server-version', '--match-server-version', [CompletionResultType]::ParameterName, 'kubectl''s check that the server has its own version; podline has none in common with a server')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'kubectl''s profile of itself')
            [CompletionResult]::new('--profile-output', '--profile-output', [CompletionResultType]::ParameterName, 'The file for kubectl''s profile of itself')
            [CompletionResult]::new('--vmodule', '--vmodule', [CompletionResultType]::ParameterName, 'kubectl''s log levels by source file')
            [CompletionResult]::new('--warnings-as-errors', '--warnings-as-errors', [CompletionResultType]::ParameterName, 'kubectl''s way to fail on a warning from the server; a forward sees none')
            [CompletionResult]::new('--tui', '--tui', [CompletionResultType]::ParameterName, 'Show everything on the terminal: forwards, pods, connections and events')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print the `Forwarding from` lines and what goes wrong, and nothing else')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print the `Forwarding from` lines and what goes wrong, and nothing else')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('completion', 'completion', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Start a cluster inside this process and forward to it')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure a forward to a port: round trips, connections a second, bytes a second')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Walk the way to a target and its ports, and say what each hop found')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'podline;completion' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('--v', '--v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'podline;demo' {
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'Also write a kubeconfig, for kubectl and any other tool; it is removed at the end')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('--v', '--v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Make real requests through the forward, say what was done, and exit with 0 if all went well or with 1')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'podline;bench' {
            [CompletionResult]::new('--http-path', '--http-path', [CompletionResultType]::ParameterName, 'The port answers to this path by HTTP, with any status')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'How many connections to make at once, where many are measured: 1 to 512')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'How many connections to make at once, where many are measured: 1 to 512')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'How long one measure takes: 100ms to 10m')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'How long one measure takes: 100ms to 10m')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to tell what was measured')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to tell what was measured')
            [CompletionResult]::new('--pod-running-timeout', '--pod-running-timeout', [CompletionResultType]::ParameterName, 'How long to wait until a pod of the target is running, such as `5s`, `2m` or `3h`')
            [CompletionResult]::new('--transport', '--transport', [CompletionResultType]::ParameterName, 'How to ask the API server for the connection into the pod, as for a forward')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'The namespace of targets that name none')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The namespace of targets that name none')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'The kubeconfig''s context to use')
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'The kubeconfig file to read, and no other')
            [CompletionResult]::new('--cluster', '--cluster', [CompletionResultType]::ParameterName, 'The kubeconfig''s cluster to use')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The kubeconfig''s user to use')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The URL of the API server')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The URL of the API server')
            [CompletionResult]::new('--proxy-url', '--proxy-url', [CompletionResultType]::ParameterName, 'The proxy to the API server')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'The bearer token to show to the API server')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'The user name for basic authentication')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'The password for basic authentication')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'The user, or service account, to act as')
            [CompletionResult]::new('--as-group', '--as-group', [CompletionResultType]::ParameterName, 'A group to act as; can be given more than once')
            [CompletionResult]::new('--as-uid', '--as-uid', [CompletionResultType]::ParameterName, 'The UID to act as')
            [CompletionResult]::new('--as-user-extra', '--as-user-extra', [CompletionResultType]::ParameterName, 'Something more about the user to act as, as KEY=VALUE; can be given more than once')
            [CompletionResult]::new('--certificate-authority', '--certificate-authority', [CompletionResultType]::ParameterName, 'The file with the certificates that the API server''s is checked against')
            [CompletionResult]::new('--client-certificate', '--client-certificate', [CompletionResultType]::ParameterName, 'The file with the certificate to show to the API server')
            [CompletionResult]::new('--client-key', '--client-key', [CompletionResultType]::ParameterName, 'The file with the key of that certificate')
            [CompletionResult]::new('--tls-server-name', '--tls-server-name', [CompletionResultType]::ParameterName, 'The name that the API server''s certificate must be for, if not the URL''s')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate for the API server''s; whoever is in between can read and change everything')
            [CompletionResult]::new('--request-timeout', '--request-timeout', [CompletionResultType]::ParameterName, 'How long one request to the API server may take; `0` is no limit of its own')
            [CompletionResult]::new('--cache-dir', '--cache-dir', [CompletionResultType]::ParameterName, 'kubectl''s cache of discovery; podline needs no discovery')
            [CompletionResult]::new('--disable-compression', '--disable-compression', [CompletionResultType]::ParameterName, 'Ask for no compression; podline asks for none')
            [CompletionResult]::new('--kuberc', '--kuberc', [CompletionResultType]::ParameterName, 'kubectl''s file of preferences')
            [CompletionResult]::new('--log-flush-frequency', '--log-flush-frequency', [CompletionResultType]::ParameterName, 'kubectl''s time between two writes of its log; podline''s is written at once')
            [CompletionResult]::new('--match-server-version', '--match-server-version', [CompletionResultType]::ParameterName, 'kubectl''s check that the server has its own version; podline has none in common with a server')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'kubectl''s profile of itself')
            [CompletionResult]::new('--profile-output', '--profile-output', [CompletionResultType]::ParameterName, 'The file for kubectl''s profile of itself')
            [CompletionResult]::new('--vmodule', '--vmodule', [CompletionResultType]::ParameterName, 'kubectl''s log levels by source file')
            [CompletionResult]::new('--warnings-as-errors', '--warnings-as-errors', [CompletionResultType]::ParameterName, 'kubectl''s way to fail on a warning from the server; a forward sees none')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('--v', '--v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('--https', '--https', [CompletionResultType]::ParameterName, 'The port answers by HTTPS, to the path `/` if no other is named; the app''s certificate is not looked at')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'The port sends back what it gets')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'podline;check' {
            [CompletionResult]::new('--http-path', '--http-path', [CompletionResultType]::ParameterName, 'Ask each port for this path by HTTP; it has to answer, with any status')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to tell what was found')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to tell what was found')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'The namespace of targets that name none')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The namespace of targets that name none')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'The kubeconfig''s context to use')
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'The kubeconfig file to read, and no other')
            [CompletionResult]::new('--cluster', '--cluster', [CompletionResultType]::ParameterName, 'The kubeconfig''s cluster to use')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The kubeconfig''s user to use')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The URL of the API server')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The URL of the API server')
            [CompletionResult]::new('--proxy-url', '--proxy-url', [CompletionResultType]::ParameterName, 'The proxy to the API server')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'The bearer token to show to the API server')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'The user name for basic authentication')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'The password for basic authentication')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'The user, or service account, to act as')
            [CompletionResult]::new('--as-group', '--as-group', [CompletionResultType]::ParameterName, 'A group to act as; can be given more than once')
            [CompletionResult]::new('--as-uid', '--as-uid', [CompletionResultType]::ParameterName, 'The UID to act as')
            [CompletionResult]::new('--as-user-extra', '--as-user-extra', [CompletionResultType]::ParameterName, 'Something more about the user to act as, as KEY=VALUE; can be given more than once')
            [CompletionResult]::new('--certificate-authority', '--certificate-authority', [CompletionResultType]::ParameterName, 'The file with the certificates that the API server''s is checked against')
            [CompletionResult]::new('--client-certificate', '--client-certificate', [CompletionResultType]::ParameterName, 'The file with the certificate to show to the API server')
            [CompletionResult]::new('--client-key', '--client-key', [CompletionResultType]::ParameterName, 'The file with the key of that certificate')
            [CompletionResult]::new('--tls-server-name', '--tls-server-name', [CompletionResultType]::ParameterName, 'The name that the API server''s certificate must be for, if not the URL''s')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate for the API server''s; whoever is in between can read and change everything')
            [CompletionResult]::new('--request-timeout', '--request-timeout', [CompletionResultType]::ParameterName, 'How long one request to the API server may take; `0` is no limit of its own')
            [CompletionResult]::new('--cache-dir', '--cache-dir', [CompletionResultType]::ParameterName, 'kubectl''s cache of discovery; podline needs no discovery')
            [CompletionResult]::new('--disable-compression', '--disable-compression', [CompletionResultType]::ParameterName, 'Ask for no compression; podline asks for none')
            [CompletionResult]::new('--kuberc', '--kuberc', [CompletionResultType]::ParameterName, 'kubectl''s file of preferences')
            [CompletionResult]::new('--log-flush-frequency', '--log-flush-frequency', [CompletionResultType]::ParameterName, 'kubectl''s time between two writes of its log; podline''s is written at once')
            [CompletionResult]::new('--match-server-version', '--match-server-version', [CompletionResultType]::ParameterName, 'kubectl''s check that the server has its own version; podline has none in common with a server')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'kubectl''s profile of itself')
            [CompletionResult]::new('--profile-output', '--profile-output', [CompletionResultType]::ParameterName, 'The file for kubectl''s profile of itself')
            [CompletionResult]::new('--vmodule', '--vmodule', [CompletionResultType]::ParameterName, 'kubectl''s log levels by source file')
            [CompletionResult]::new('--warnings-as-errors', '--warnings-as-errors', [CompletionResultType]::ParameterName, 'kubectl''s way to fail on a warning from the server; a forward sees none')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('--v', '--v', [CompletionResultType]::ParameterName, 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s')
            [CompletionResult]::new('--https', '--https', [CompletionResultType]::ParameterName, 'Ask by HTTPS, for the path `/` if no other is named; the app''s certificate is not looked at')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'podline;help' {
            [CompletionResult]::new('completion', 'completion', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Start a cluster inside this process and forward to it')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure a forward to a port: round trips, connections a second, bytes a second')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Walk the way to a target and its ports, and say what each hop found')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'podline;help;completion' {
            break
        }
        'podline;help;demo' {
            break
        }
        'podline;help;bench' {
            break
        }
        'podline;help;check' {
            break
        }
        'podline;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
