
use builtin;
use str;

set edit:completion:arg-completer[podline] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'podline'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'podline'= {
            cand --address 'Addresses to listen on: IP addresses or `localhost`, separated by commas'
            cand --all-ports 'Forward every TCP port that the target declares, besides those that are listed'
            cand --balance 'Which pod each connection goes to; the default depends on the target'
            cand --exit-on-loss 'End when a pod is lost, as kubectl does, rather than go on with its successor'
            cand --half-close-linger 'How long a pod may be silent before the end of an app that half-closed is passed on to it'
            cand --hold 'How long a connection waits for a pod while there is none, before it is reset'
            cand --max-sessions 'How many sessions to a pod may be made so that each connection has its own'
            cand --pod-running-timeout 'How long to wait until a pod of the target is running, such as `5s`, `2m` or `3h`'
            cand --ports-file 'Tell scripts where the ports are: a line for each address, in a file that is there as long as they are'
            cand --require-ready 'Let connections wait for a pod that is ready, rather than use one that only runs where none is'
            cand --stalled-reader 'How long a connection may take nothing while another waits behind it on the same session, before it is reset'
            cand --timeout 'How long to wait with --wait'
            cand --transport 'How to ask the API server for the connection into the pod'
            cand --wait 'Say `Forwarding from`, and run a program, only once the ports are open inside the pod'
            cand --http 'Show each HTTP request as a line on standard error, and what other connections speak'
            cand --http-show-query 'Show the values of queries too, which may be secrets'
            cand --metrics 'Serve metrics for Prometheus at http://ADDRESS/metrics'
            cand -o 'What to print in the place of kubectl''s lines'
            cand --output 'What to print in the place of kubectl''s lines'
            cand --web 'Show what goes through on a web page, at an address or at any free port of 127.0.0.1'
            cand --web-allow-remote 'Let `--web` listen on an address that other machines reach; everything goes there unencrypted'
            cand --pcap 'Record all connections into a new pcapng file, for Wireshark; `-` is standard output'
            cand --pcap-limit 'Size at which the capture ends, such as `512MiB`; the forward goes on'
            cand --pcap-overwrite 'Replace the file if it exists'
            cand --pcap-snaplen 'Bytes of each packet that are recorded, its headers included; by default all'
            cand -v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand --v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand -n 'The namespace of targets that name none'
            cand --namespace 'The namespace of targets that name none'
            cand --context 'The kubeconfig''s context to use'
            cand --kubeconfig 'The kubeconfig file to read, and no other'
            cand --cluster 'The kubeconfig''s cluster to use'
            cand --user 'The kubeconfig''s user to use'
            cand -s 'The URL of the API server'
            cand --server 'The URL of the API server'
            cand --proxy-url 'The proxy to the API server'
            cand --token 'The bearer token to show to the API server'
            cand --username 'The user name for basic authentication'
            cand --password 'The password for basic authentication'
            cand --as 'The user, or service account, to act as'
            cand --as-group 'A group to act as; can be given more than once'
            cand --as-uid 'The UID to act as'
            cand --as-user-extra 'Something more about the user to act as, as KEY=VALUE; can be given more than once'
            cand --certificate-authority 'The file with the certificates that the API server''s is checked against'
            cand --client-certificate 'The file with the certificate to show to the API server'
            cand --client-key 'The file with the key of that certificate'
            cand --tls-server-name 'The name that the API server''s certificate must be for, if not the URL''s'
            cand --insecure-skip-tls-verify 'Take any certificate for the API server''s; whoever is in between can read and change everything'
            cand --request-timeout 'How long one request to the API server may take; `0` is no limit of its own'
            cand --cache-dir 'kubectl''s cache of discovery; podline needs no discovery'
            cand --disable-compression 'Ask for no compression; podline asks for none'
            cand --kuberc 'kubectl''s file of preferences'
            cand --log-flush-frequency 'kubectl''s time between two writes of its log; podline''s is written at once'
            cand --match-server-version 'kubectl''s check that the server has its own version; podline has none in common with a server'
            cand --profile 'kubectl''s profile of itself'
            cand --profile-output 'The file for kubectl''s profile of itself'
            cand --vmodule 'kubectl''s log levels by source file'
            cand --warnings-as-errors 'kubectl''s way to fail on a warning from the server; a forward sees none'
            cand --tui 'Show everything on the terminal: forwards, pods, connections and events'
            cand -q 'Print the `Forwarding from` lines and what goes wrong, and nothing else'
            cand --quiet 'Print the `Forwarding from` lines and what goes wrong, and nothing else'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand completion 'Print the completion script of a shell'
            cand demo 'Start a cluster inside this process and forward to it'
            cand bench 'Measure a forward to a port: round trips, connections a second, bytes a second'
            cand check 'Walk the way to a target and its ports, and say what each hop found'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'podline;completion'= {
            cand -v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand --v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'podline;demo'= {
            cand --kubeconfig 'Also write a kubeconfig, for kubectl and any other tool; it is removed at the end'
            cand -v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand --v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand --check 'Make real requests through the forward, say what was done, and exit with 0 if all went well or with 1'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'podline;bench'= {
            cand --http-path 'The port answers to this path by HTTP, with any status'
            cand -c 'How many connections to make at once, where many are measured: 1 to 512'
            cand --connections 'How many connections to make at once, where many are measured: 1 to 512'
            cand -d 'How long one measure takes: 100ms to 10m'
            cand --duration 'How long one measure takes: 100ms to 10m'
            cand -o 'How to tell what was measured'
            cand --output 'How to tell what was measured'
            cand --pod-running-timeout 'How long to wait until a pod of the target is running, such as `5s`, `2m` or `3h`'
            cand --transport 'How to ask the API server for the connection into the pod, as for a forward'
            cand -n 'The namespace of targets that name none'
            cand --namespace 'The namespace of targets that name none'
            cand --context 'The kubeconfig''s context to use'
            cand --kubeconfig 'The kubeconfig file to read, and no other'
            cand --cluster 'The kubeconfig''s cluster to use'
            cand --user 'The kubeconfig''s user to use'
            cand -s 'The URL of the API server'
            cand --server 'The URL of the API server'
            cand --proxy-url 'The proxy to the API server'
            cand --token 'The bearer token to show to the API server'
            cand --username 'The user name for basic authentication'
            cand --password 'The password for basic authentication'
            cand --as 'The user, or service account, to act as'
            cand --as-group 'A group to act as; can be given more than once'
            cand --as-uid 'The UID to act as'
            cand --as-user-extra 'Something more about the user to act as, as KEY=VALUE; can be given more than once'
            cand --certificate-authority 'The file with the certificates that the API server''s is checked against'
            cand --client-certificate 'The file with the certificate to show to the API server'
            cand --client-key 'The file with the key of that certificate'
            cand --tls-server-name 'The name that the API server''s certificate must be for, if not the URL''s'
            cand --insecure-skip-tls-verify 'Take any certificate for the API server''s; whoever is in between can read and change everything'
            cand --request-timeout 'How long one request to the API server may take; `0` is no limit of its own'
            cand --cache-dir 'kubectl''s cache of discovery; podline needs no discovery'
            cand --disable-compression 'Ask for no compression; podline asks for none'
            cand --kuberc 'kubectl''s file of preferences'
            cand --log-flush-frequency 'kubectl''s time between two writes of its log; podline''s is written at once'
            cand --match-server-version 'kubectl''s check that the server has its own version; podline has none in common with a server'
            cand --profile 'kubectl''s profile of itself'
            cand --profile-output 'The file for kubectl''s profile of itself'
            cand --vmodule 'kubectl''s log levels by source file'
            cand --warnings-as-errors 'kubectl''s way to fail on a warning from the server; a forward sees none'
            cand -v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand --v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand --https 'The port answers by HTTPS, to the path `/` if no other is named; the app''s certificate is not looked at'
            cand --echo 'The port sends back what it gets'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'podline;check'= {
            cand --http-path 'Ask each port for this path by HTTP; it has to answer, with any status'
            cand -o 'How to tell what was found'
            cand --output 'How to tell what was found'
            cand -n 'The namespace of targets that name none'
            cand --namespace 'The namespace of targets that name none'
            cand --context 'The kubeconfig''s context to use'
            cand --kubeconfig 'The kubeconfig file to read, and no other'
            cand --cluster 'The kubeconfig''s cluster to use'
            cand --user 'The kubeconfig''s user to use'
            cand -s 'The URL of the API server'
            cand --server 'The URL of the API server'
            cand --proxy-url 'The proxy to the API server'
            cand --token 'The bearer token to show to the API server'
            cand --username 'The user name for basic authentication'
            cand --password 'The password for basic authentication'
            cand --as 'The user, or service account, to act as'
            cand --as-group 'A group to act as; can be given more than once'
            cand --as-uid 'The UID to act as'
            cand --as-user-extra 'Something more about the user to act as, as KEY=VALUE; can be given more than once'
            cand --certificate-authority 'The file with the certificates that the API server''s is checked against'
            cand --client-certificate 'The file with the certificate to show to the API server'
            cand --client-key 'The file with the key of that certificate'
            cand --tls-server-name 'The name that the API server''s certificate must be for, if not the URL''s'
            cand --insecure-skip-tls-verify 'Take any certificate for the API server''s; whoever is in between can read and change everything'
            cand --request-timeout 'How long one request to the API server may take; `0` is no limit of its own'
            cand --cache-dir 'kubectl''s cache of discovery; podline needs no discovery'
            cand --disable-compression 'Ask for no compression; podline asks for none'
            cand --kuberc 'kubectl''s file of preferences'
            cand --log-flush-frequency 'kubectl''s time between two writes of its log; podline''s is written at once'
            cand --match-server-version 'kubectl''s check that the server has its own version; podline has none in common with a server'
            cand --profile 'kubectl''s profile of itself'
            cand --profile-output 'The file for kubectl''s profile of itself'
            cand --vmodule 'kubectl''s log levels by source file'
            cand --warnings-as-errors 'kubectl''s way to fail on a warning from the server; a forward sees none'
            cand -v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand --v 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl''s'
            cand --https 'Ask by HTTPS, for the path `/` if no other is named; the app''s certificate is not looked at'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'podline;help'= {
            cand completion 'Print the completion script of a shell'
            cand demo 'Start a cluster inside this process and forward to it'
            cand bench 'Measure a forward to a port: round trips, connections a second, bytes a second'
            cand check 'Walk the way to a target and its ports, and say what each hop found'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'podline;help;completion'= {
        }
        &'podline;help;demo'= {
        }
        &'podline;help;bench'= {
        }
        &'podline;help;check'= {
        }
        &'podline;help;help'= {
        }
    ]
    $completions[$command]
}
