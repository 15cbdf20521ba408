# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_podline_global_optspecs
    string join \n address= all-ports= balance= exit-on-loss= half-close-linger= hold= max-sessions= pod-running-timeout= ports-file= require-ready= stalled-reader= timeout= tui transport= wait= http= http-show-query= metrics= o/output= web= web-allow-remote= pcap= pcap-limit= pcap-overwrite= pcap-snaplen= v/v= q/quiet n/namespace= context= kubeconfig= cluster= user= s/server= proxy-url= token= username= password= as= as-group= as-uid= as-user-extra= certificate-authority= client-certificate= client-key= tls-server-name= insecure-skip-tls-verify= request-timeout= cache-dir= disable-compression= kuberc= log-flush-frequency= match-server-version= profile= profile-output= vmodule= warnings-as-errors= h/help V/version
end

function __fish_podline_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_podline_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_podline_using_subcommand
    set -l cmd (__fish_podline_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c podline -n "__fish_podline_needs_command" -l address -d 'Addresses to listen on: IP addresses or `localhost`, separated by commas' -r
complete -c podline -n "__fish_podline_needs_command" -l all-ports -d 'Forward every TCP port that the target declares, besides those that are listed' -r
complete -c podline -n "__fish_podline_needs_command" -l balance -d 'Which pod each connection goes to; the default depends on the target' -r -f -a "first\t'Always the same pod, in kubectl\'s order, until it is lost'
least\t'The pod with the fewest open connections'
round-robin\t'One pod after the other'"
complete -c podline -n "__fish_podline_needs_command" -l exit-on-loss -d 'End when a pod is lost, as kubectl does, rather than go on with its successor' -r
complete -c podline -n "__fish_podline_needs_command" -l half-close-linger -d 'How long a pod may be silent before the end of an app that half-closed is passed on to it' -r
complete -c podline -n "__fish_podline_needs_command" -l hold -d 'How long a connection waits for a pod while there is none, before it is reset' -r
complete -c podline -n "__fish_podline_needs_command" -l max-sessions -d 'How many sessions to a pod may be made so that each connection has its own' -r
complete -c podline -n "__fish_podline_needs_command" -l pod-running-timeout -d 'How long to wait until a pod of the target is running, such as `5s`, `2m` or `3h`' -r
complete -c podline -n "__fish_podline_needs_command" -l ports-file -d 'Tell scripts where the ports are: a line for each address, in a file that is there as long as they are' -r -F
complete -c podline -n "__fish_podline_needs_command" -l require-ready -d 'Let connections wait for a pod that is ready, rather than use one that only runs where none is' -r
complete -c podline -n "__fish_podline_needs_command" -l stalled-reader -d 'How long a connection may take nothing while another waits behind it on the same session, before it is reset' -r
complete -c podline -n "__fish_podline_needs_command" -l timeout -d 'How long to wait with --wait' -r
complete -c podline -n "__fish_podline_needs_command" -l transport -d 'How to ask the API server for the connection into the pod' -r -f -a "auto\t'WebSocket first, SPDY where that is refused'
spdy\t'SPDY alone'
websocket\t'WebSocket alone'"
complete -c podline -n "__fish_podline_needs_command" -l wait -d 'Say `Forwarding from`, and run a program, only once the ports are open inside the pod' -r
complete -c podline -n "__fish_podline_needs_command" -l http -d 'Show each HTTP request as a line on standard error, and what other connections speak' -r
complete -c podline -n "__fish_podline_needs_command" -l http-show-query -d 'Show the values of queries too, which may be secrets' -r
complete -c podline -n "__fish_podline_needs_command" -l metrics -d 'Serve metrics for Prometheus at http://ADDRESS/metrics' -r -f
complete -c podline -n "__fish_podline_needs_command" -s o -l output -d 'What to print in the place of kubectl\'s lines' -r -f -a "json\t'A JSON object a line for everything that happens, as docs/events.schema.json describes them'"
complete -c podline -n "__fish_podline_needs_command" -l web -d 'Show what goes through on a web page, at an address or at any free port of 127.0.0.1' -r -f
complete -c podline -n "__fish_podline_needs_command" -l web-allow-remote -d 'Let `--web` listen on an address that other machines reach; everything goes there unencrypted' -r
complete -c podline -n "__fish_podline_needs_command" -l pcap -d 'Record all connections into a new pcapng file, for Wireshark; `-` is standard output' -r -F
complete -c podline -n "__fish_podline_needs_command" -l pcap-limit -d 'Size at which the capture ends, such as `512MiB`; the forward goes on' -r
complete -c podline -n "__fish_podline_needs_command" -l pcap-overwrite -d 'Replace the file if it exists' -r
complete -c podline -n "__fish_podline_needs_command" -l pcap-snaplen -d 'Bytes of each packet that are recorded, its headers included; by default all' -r
complete -c podline -n "__fish_podline_needs_command" -s v -l v -d 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl\'s' -r
complete -c podline -n "__fish_podline_needs_command" -s n -l namespace -d 'The namespace of targets that name none' -r
complete -c podline -n "__fish_podline_needs_command" -l context -d 'The kubeconfig\'s context to use' -r
complete -c podline -n "__fish_podline_needs_command" -l kubeconfig -d 'The kubeconfig file to read, and no other' -r -F
complete -c podline -n "__fish_podline_needs_command" -l cluster -d 'The kubeconfig\'s cluster to use' -r
complete -c podline -n "__fish_podline_needs_command" -l user -d 'The kubeconfig\'s user to use' -r
complete -c podline -n "__fish_podline_needs_command" -s s -l server -d 'The URL of the API server' -r -f
complete -c podline -n "__fish_podline_needs_command" -l proxy-url -d 'The proxy to the API server' -r -f
complete -c podline -n "__fish_podline_needs_command" -l token -d 'The bearer token to show to the API server' -r
complete -c podline -n "__fish_podline_needs_command" -l username -d 'The user name for basic authentication' -r
complete -c podline -n "__fish_podline_needs_command" -l password -d 'The password for basic authentication' -r
complete -c podline -n "__fish_podline_needs_command" -l as -d 'The user, or service account, to act as' -r
complete -c podline -n "__fish_podline_needs_command" -l as-group -d 'A group to act as; can be given more than once' -r
complete -c podline -n "__fish_podline_needs_command" -l as-uid -d 'The UID to act as' -r
complete -c podline -n "__fish_podline_needs_command" -l as-user-extra -d 'Something more about the user to act as, as KEY=VALUE; can be given more than once' -r
complete -c podline -n "__fish_podline_needs_command" -l certificate-authority -d 'The file with the certificates that the API server\'s is checked against' -r -F
complete -c podline -n "__fish_podline_needs_command" -l client-certificate -d 'The file with the certificate to show to the API server' -r -F
complete -c podline -n "__fish_podline_needs_command" -l client-key -d 'The file with the key of that certificate' -r -F
complete -c podline -n "__fish_podline_needs_command" -l tls-server-name -d 'The name that the API server\'s certificate must be for, if not the URL\'s' -r
complete -c podline -n "__fish_podline_needs_command" -l insecure-skip-tls-verify -d 'Take any certificate for the API server\'s; whoever is in between can read and change everything' -r
complete -c podline -n "__fish_podline_needs_command" -l request-timeout -d 'How long one request to the API server may take; `0` is no limit of its own' -r
complete -c podline -n "__fish_podline_needs_command" -l cache-dir -d 'kubectl\'s cache of discovery; podline needs no discovery' -r -f -a "(__fish_complete_directories)"
complete -c podline -n "__fish_podline_needs_command" -l disable-compression -d 'Ask for no compression; podline asks for none' -r
complete -c podline -n "__fish_podline_needs_command" -l kuberc -d 'kubectl\'s file of preferences' -r -F
complete -c podline -n "__fish_podline_needs_command" -l log-flush-frequency -d 'kubectl\'s time between two writes of its log; podline\'s is written at once' -r
complete -c podline -n "__fish_podline_needs_command" -l match-server-version -d 'kubectl\'s check that the server has its own version; podline has none in common with a server' -r
complete -c podline -n "__fish_podline_needs_command" -l profile -d 'kubectl\'s profile of itself' -r
complete -c podline -n "__fish_podline_needs_command" -l profile-output -d 'The file for kubectl\'s profile of itself' -r -F
complete -c podline -n "__fish_podline_needs_command" -l vmodule -d 'kubectl\'s log levels by source file' -r
complete -c podline -n "__fish_podline_needs_command" -l warnings-as-errors -d 'kubectl\'s way to fail on a warning from the server; a forward sees none' -r
complete -c podline -n "__fish_podline_needs_command" -l tui -d 'Show everything on the terminal: forwards, pods, connections and events'
complete -c podline -n "__fish_podline_needs_command" -s q -l quiet -d 'Print the `Forwarding from` lines and what goes wrong, and nothing else'
complete -c podline -n "__fish_podline_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c podline -n "__fish_podline_needs_command" -s V -l version -d 'Print version'
complete -c podline -n "__fish_podline_needs_command" -a "completion" -d 'Print the completion script of a shell'
complete -c podline -n "__fish_podline_needs_command" -a "demo" -d 'Start a cluster inside this process and forward to it'
complete -c podline -n "__fish_podline_needs_command" -a "bench" -d 'Measure a forward to a port: round trips, connections a second, bytes a second'
complete -c podline -n "__fish_podline_needs_command" -a "check" -d 'Walk the way to a target and its ports, and say what each hop found'
complete -c podline -n "__fish_podline_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c podline -n "__fish_podline_using_subcommand completion" -s v -l v -d 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl\'s' -r
complete -c podline -n "__fish_podline_using_subcommand completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c podline -n "__fish_podline_using_subcommand demo" -l kubeconfig -d 'Also write a kubeconfig, for kubectl and any other tool; it is removed at the end' -r -F
complete -c podline -n "__fish_podline_using_subcommand demo" -s v -l v -d 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl\'s' -r
complete -c podline -n "__fish_podline_using_subcommand demo" -l check -d 'Make real requests through the forward, say what was done, and exit with 0 if all went well or with 1'
complete -c podline -n "__fish_podline_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c podline -n "__fish_podline_using_subcommand bench" -l http-path -d 'The port answers to this path by HTTP, with any status' -r -f
complete -c podline -n "__fish_podline_using_subcommand bench" -s c -l connections -d 'How many connections to make at once, where many are measured: 1 to 512' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -s d -l duration -d 'How long one measure takes: 100ms to 10m' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -s o -l output -d 'How to tell what was measured' -r -f -a "json\t'One JSON object, when all is measured'
text\t'A line for each measure, as soon as it is taken'"
complete -c podline -n "__fish_podline_using_subcommand bench" -l pod-running-timeout -d 'How long to wait until a pod of the target is running, such as `5s`, `2m` or `3h`' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l transport -d 'How to ask the API server for the connection into the pod, as for a forward' -r -f -a "auto\t'WebSocket first, SPDY where that is refused'
spdy\t'SPDY alone'
websocket\t'WebSocket alone'"
complete -c podline -n "__fish_podline_using_subcommand bench" -s n -l namespace -d 'The namespace of targets that name none' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l context -d 'The kubeconfig\'s context to use' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l kubeconfig -d 'The kubeconfig file to read, and no other' -r -F
complete -c podline -n "__fish_podline_using_subcommand bench" -l cluster -d 'The kubeconfig\'s cluster to use' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l user -d 'The kubeconfig\'s user to use' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -s s -l server -d 'The URL of the API server' -r -f
complete -c podline -n "__fish_podline_using_subcommand bench" -l proxy-url -d 'The proxy to the API server' -r -f
complete -c podline -n "__fish_podline_using_subcommand bench" -l token -d 'The bearer token to show to the API server' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l username -d 'The user name for basic authentication' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l password -d 'The password for basic authentication' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l as -d 'The user, or service account, to act as' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l as-group -d 'A group to act as; can be given more than once' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l as-uid -d 'The UID to act as' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l as-user-extra -d 'Something more about the user to act as, as KEY=VALUE; can be given more than once' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l certificate-authority -d 'The file with the certificates that the API server\'s is checked against' -r -F
complete -c podline -n "__fish_podline_using_subcommand bench" -l client-certificate -d 'The file with the certificate to show to the API server' -r -F
complete -c podline -n "__fish_podline_using_subcommand bench" -l client-key -d 'The file with the key of that certificate' -r -F
complete -c podline -n "__fish_podline_using_subcommand bench" -l tls-server-name -d 'The name that the API server\'s certificate must be for, if not the URL\'s' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l insecure-skip-tls-verify -d 'Take any certificate for the API server\'s; whoever is in between can read and change everything' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l request-timeout -d 'How long one request to the API server may take; `0` is no limit of its own' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l cache-dir -d 'kubectl\'s cache of discovery; podline needs no discovery' -r -f -a "(__fish_complete_directories)"
complete -c podline -n "__fish_podline_using_subcommand bench" -l disable-compression -d 'Ask for no compression; podline asks for none' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l kuberc -d 'kubectl\'s file of preferences' -r -F
complete -c podline -n "__fish_podline_using_subcommand bench" -l log-flush-frequency -d 'kubectl\'s time between two writes of its log; podline\'s is written at once' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l match-server-version -d 'kubectl\'s check that the server has its own version; podline has none in common with a server' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l profile -d 'kubectl\'s profile of itself' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l profile-output -d 'The file for kubectl\'s profile of itself' -r -F
complete -c podline -n "__fish_podline_using_subcommand bench" -l vmodule -d 'kubectl\'s log levels by source file' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l warnings-as-errors -d 'kubectl\'s way to fail on a warning from the server; a forward sees none' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -s v -l v -d 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl\'s' -r
complete -c podline -n "__fish_podline_using_subcommand bench" -l https -d 'The port answers by HTTPS, to the path `/` if no other is named; the app\'s certificate is not looked at'
complete -c podline -n "__fish_podline_using_subcommand bench" -l echo -d 'The port sends back what it gets'
complete -c podline -n "__fish_podline_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c podline -n "__fish_podline_using_subcommand check" -l http-path -d 'Ask each port for this path by HTTP; it has to answer, with any status' -r -f
complete -c podline -n "__fish_podline_using_subcommand check" -s o -l output -d 'How to tell what was found' -r -f -a "json\t'One JSON object, when the walk is over'
text\t'A line for each hop, as soon as it is made'"
complete -c podline -n "__fish_podline_using_subcommand check" -s n -l namespace -d 'The namespace of targets that name none' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l context -d 'The kubeconfig\'s context to use' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l kubeconfig -d 'The kubeconfig file to read, and no other' -r -F
complete -c podline -n "__fish_podline_using_subcommand check" -l cluster -d 'The kubeconfig\'s cluster to use' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l user -d 'The kubeconfig\'s user to use' -r
complete -c podline -n "__fish_podline_using_subcommand check" -s s -l server -d 'The URL of the API server' -r -f
complete -c podline -n "__fish_podline_using_subcommand check" -l proxy-url -d 'The proxy to the API server' -r -f
complete -c podline -n "__fish_podline_using_subcommand check" -l token -d 'The bearer token to show to the API server' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l username -d 'The user name for basic authentication' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l password -d 'The password for basic authentication' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l as -d 'The user, or service account, to act as' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l as-group -d 'A group to act as; can be given more than once' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l as-uid -d 'The UID to act as' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l as-user-extra -d 'Something more about the user to act as, as KEY=VALUE; can be given more than once' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l certificate-authority -d 'The file with the certificates that the API server\'s is checked against' -r -F
complete -c podline -n "__fish_podline_using_subcommand check" -l client-certificate -d 'The file with the certificate to show to the API server' -r -F
complete -c podline -n "__fish_podline_using_subcommand check" -l client-key -d 'The file with the key of that certificate' -r -F
complete -c podline -n "__fish_podline_using_subcommand check" -l tls-server-name -d 'The name that the API server\'s certificate must be for, if not the URL\'s' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l insecure-skip-tls-verify -d 'Take any certificate for the API server\'s; whoever is in between can read and change everything' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l request-timeout -d 'How long one request to the API server may take; `0` is no limit of its own' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l cache-dir -d 'kubectl\'s cache of discovery; podline needs no discovery' -r -f -a "(__fish_complete_directories)"
complete -c podline -n "__fish_podline_using_subcommand check" -l disable-compression -d 'Ask for no compression; podline asks for none' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l kuberc -d 'kubectl\'s file of preferences' -r -F
complete -c podline -n "__fish_podline_using_subcommand check" -l log-flush-frequency -d 'kubectl\'s time between two writes of its log; podline\'s is written at once' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l match-server-version -d 'kubectl\'s check that the server has its own version; podline has none in common with a server' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l profile -d 'kubectl\'s profile of itself' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l profile-output -d 'The file for kubectl\'s profile of itself' -r -F
complete -c podline -n "__fish_podline_using_subcommand check" -l vmodule -d 'kubectl\'s log levels by source file' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l warnings-as-errors -d 'kubectl\'s way to fail on a warning from the server; a forward sees none' -r
complete -c podline -n "__fish_podline_using_subcommand check" -s v -l v -d 'How much to log on standard error: 0 (only what went wrong) to 6 (everything), as kubectl\'s' -r
complete -c podline -n "__fish_podline_using_subcommand check" -l https -d 'Ask by HTTPS, for the path `/` if no other is named; the app\'s certificate is not looked at'
complete -c podline -n "__fish_podline_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c podline -n "__fish_podline_using_subcommand help; and not __fish_seen_subcommand_from completion demo bench check help" -f -a "completion" -d 'Print the completion script of a shell'
complete -c podline -n "__fish_podline_using_subcommand help; and not __fish_seen_subcommand_from completion demo bench check help" -f -a "demo" -d 'Start a cluster inside this process and forward to it'
complete -c podline -n "__fish_podline_using_subcommand help; and not __fish_seen_subcommand_from completion demo bench check help" -f -a "bench" -d 'Measure a forward to a port: round trips, connections a second, bytes a second'
complete -c podline -n "__fish_podline_using_subcommand help; and not __fish_seen_subcommand_from completion demo bench check help" -f -a "check" -d 'Walk the way to a target and its ports, and say what each hop found'
complete -c podline -n "__fish_podline_using_subcommand help; and not __fish_seen_subcommand_from completion demo bench check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
