/** All commands: name, arguments, flags, and the module that does the work. The order is that of `gantry --help`. */
import type { CommandRow } from './command.ts';
import {
  all,
  allNamespaces,
  clusterName,
  dryRun,
  fieldSelector,
  filename,
  ignoreNotFound,
  output,
  recursive,
  selector,
  validate,
} from './command-flags.ts';
import { imageRows } from './image-commands.ts';
import { nodeRows } from './node-rows.ts';
import { topRows } from './top-rows.ts';

const localClusterRows: readonly CommandRow[] = [
  {
    name: 'up',
    summary: 'start a local cluster, or what of it is down',
    flags: [
      { ...filename, description: 'apply this once the cluster is up, and wait; may be repeated' },
      clusterName,
      { flags: '--nodes <count>', description: 'number of nodes; 0 is a bare control plane (default 3)' },
      {
        flags: '--etcd [members]',
        description: 'keep state in etcd, started here, instead of the embedded store',
      },
      { flags: '--store <url>', description: 'keep state in an etcd that exists: etcd://host:2379,…' },
      { flags: '--wait <duration>', description: 'how long to wait for nodes and jobs', default: '60s' },
      {
        flags: '--driver <name>',
        description: 'how tasks run: auto, oci, cri or unconfined',
        default: 'auto',
      },
      { flags: '--port <number>', description: 'port of the API server; by default a free one' },
      {
        flags: '--agent-flag <flag>',
        description: 'given to every node agent: cpu-policy=static; may be repeated',
        repeatable: true,
      },
    ],
    examples: '  gantry up\n  gantry up -f manifests/quickstart.yaml\n  gantry up --etcd 3 --nodes 5',
    load: async () => (await import('./commands/local-cluster.ts')).up,
  },
  {
    name: 'down',
    summary: 'stop a local cluster and remove all of it',
    flags: [clusterName, { flags: '--keep-data', description: 'keep its state for the next up' }],
    load: async () => (await import('./commands/local-cluster.ts')).down,
  },
  {
    name: 'status',
    summary: 'show the parts of a local cluster',
    flags: [clusterName],
    load: async () => (await import('./commands/local-cluster.ts')).status,
  },
];

const readRows: readonly CommandRow[] = [
  {
    name: 'get',
    arguments: '[type-or-name...]',
    summary: 'list objects, or show some by name',
    flags: [
      {
        flags: '-o, --output <form>',
        description: 'wide, yaml, json, name, jsonpath=TEMPLATE or custom-columns=HEADER:PATH,…',
      },
      { flags: '-w, --watch', description: 'then show every change' },
      { flags: '--watch-only', description: 'show changes only' },
      { flags: '--output-watch-events', description: 'with -w: a column for ADDED, MODIFIED, DELETED' },
      selector,
      fieldSelector,
      allNamespaces,
      { flags: '--show-labels', description: 'a column for labels' },
      { flags: '-L, --label-columns <keys>', description: 'a column for each of these labels' },
      { flags: '--sort-by <path>', description: 'order by a field: .metadata.creationTimestamp' },
      { flags: '--no-headers', description: 'no header line' },
      {
        flags: '--chunk-size <count>',
        description: 'objects per request; 0 for all at once',
        default: '500',
      },
      { flags: '--show-managed-fields', description: 'with -o yaml and json: managedFields as well' },
      ignoreNotFound,
    ],
    examples: `  gantry get jobs,tasks,nodes -o wide
  gantry get task web-0-0 -o jsonpath='{.status.phase}'
  gantry get tasks -l gantry.dev/job=web -w`,
    load: async () => (await import('./commands/get.ts')).get,
  },
  {
    name: 'describe',
    arguments: '[type-or-name...]',
    summary: 'show everything about objects, with their events',
    flags: [selector, allNamespaces, { flags: '--no-show-events', description: 'without events' }],
    load: async () => (await import('./commands/describe.ts')).describe,
  },
  ...topRows,
  {
    name: 'logs',
    arguments: '[task-or-job...]',
    summary: 'show what a task, or all tasks of a job, wrote',
    flags: [
      { flags: '-f, --follow', description: 'go on as more is written, also after a restart' },
      { flags: '--tail <lines>', description: 'only the last lines' },
      { flags: '--since <duration>', description: 'only what is newer: 5m' },
      { flags: '--since-time <time>', description: 'only what is newer: 2030-01-31T12:00:00Z' },
      { flags: '--limit-bytes <count>', description: 'of each log no more than this' },
      { flags: '--timestamps', description: 'with the time of each line' },
      { flags: '-c, --container <name>', description: 'of this container' },
      { flags: '--all-containers', description: 'of all containers of the task' },
      { flags: '-p, --previous', description: 'of the run before the last restart' },
      selector,
      { flags: '--prefix', description: 'name the task in front of each line, also when there is one' },
      { flags: '--no-prefix', description: 'never name the task in front of each line' },
    ],
    examples: '  gantry logs web-0-0 -f\n  gantry logs job/web --tail 20',
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  {
    name: 'exec',
    arguments: '<task> [command...]',
    summary: 'run a command in a container of a running task',
    flags: [
      { flags: '-c, --container <name>', description: 'in this container' },
      { flags: '-i, --stdin', description: 'hand standard input to the command' },
      { flags: '-t, --tty', description: 'give the command a terminal' },
    ],
    examples: '  gantry exec web-0-0 -- ls -l /\n  gantry exec -it job/web -- sh',
    load: async () => (await import('./commands/exec.ts')).exec,
  },
  {
    name: 'attach',
    arguments: '<task>',
    summary: 'see what a running container writes, and type to it; it runs on when you leave',
    flags: [
      { flags: '-c, --container <name>', description: 'this container' },
      { flags: '-i, --stdin', description: 'hand standard input to it, if its spec has stdin: true' },
      { flags: '-t, --tty', description: 'use its terminal, if its spec has tty: true' },
    ],
    examples: '  gantry attach web-0-0\n  gantry attach -it job/shell',
    load: async () => (await import('./commands/attach.ts')).attach,
  },
  {
    name: 'cp',
    arguments: '<from> <to>',
    summary: 'copy files and directories to a task and back; its container needs tar',
    flags: [{ flags: '-c, --container <name>', description: 'of this container' }],
    examples: '  gantry cp web-0-0:/etc/hosts .\n  gantry cp site web-0-0:/www',
    load: async () => (await import('./commands/cp.ts')).copy,
  },
  {
    name: 'port-forward',
    arguments: '<task> <ports...>',
    summary: 'lead ports of this machine to ports of a task or a service',
    flags: [{ flags: '--address <ip>', description: 'address to listen on', default: '127.0.0.1' }],
    examples:
      '  gantry port-forward web-0-0 8080:80\n  gantry port-forward job/web :80\n  gantry port-forward svc/web 8080:80',
    load: async () => (await import('./commands/port-forward.ts')).portForward,
  },
  {
    name: 'wait',
    arguments: '[type-or-name...]',
    summary: 'wait until something is true of objects',
    flags: [
      {
        flags: '--for <what>',
        description:
          "condition=NAME[=VALUE], jsonpath='{PATH}'=VALUE, create or delete; of several the first to hold",
        repeatable: true,
      },
      { flags: '--timeout <duration>', description: 'how long', default: '30s' },
      selector,
      all,
    ],
    examples: `  gantry wait job/etl --for=condition=Complete --timeout=5m
  gantry wait task/web-0-0 --for=jsonpath='{.status.phase}'=Running`,
    load: async () => (await import('./commands/wait.ts')).wait,
  },
];

const metadataFlags = [{ flags: '--overwrite', description: 'change values that are there' }, selector, all];

const writeRows: readonly CommandRow[] = [
  {
    name: 'apply',
    summary: 'make objects as manifests say: create what is missing, change what differs',
    flags: [filename, recursive, dryRun, validate, output],
    examples: '  gantry apply -f web.yaml\n  cat web.yaml | gantry apply -f -',
    load: async () => (await import('./commands/apply.ts')).apply,
  },
  {
    name: 'create',
    summary: 'create objects from manifests',
    flags: [filename, recursive, dryRun, validate, output],
    load: async () => (await import('./commands/create.ts')).create,
  },
  {
    name: 'delete',
    arguments: '[type-or-name...]',
    summary: 'delete objects and wait until they are gone',
    flags: [
      filename,
      recursive,
      selector,
      fieldSelector,
      all,
      allNamespaces,
      { flags: '--no-wait', description: 'do not wait until the objects are gone (--wait=false)' },
      { flags: '--timeout <duration>', description: 'how long to wait' },
      { flags: '--grace-period <seconds>', description: 'time to stop before being killed' },
      { flags: '--now', description: 'stop within a second' },
      { flags: '--force', description: 'remove at once, without waiting for the node to confirm' },
      {
        flags: '--cascade <how>',
        description: 'dependents: background, foreground or orphan',
        default: 'background',
      },
      ignoreNotFound,
      dryRun,
      { flags: '-o, --output <form>', description: 'name' },
    ],
    examples: '  gantry delete job web\n  gantry delete -f web.yaml\n  gantry delete jobs -l app=web',
    load: async () => (await import('./commands/delete.ts')).deleteObjects,
  },
  {
    name: 'scale',
    arguments: '[type-or-name...]',
    summary: 'set how many tasks a job runs',
    flags: [
      { flags: '--replicas <count>', description: 'how many' },
      { flags: '--current-replicas <count>', description: 'only if it is this many now' },
    ],
    examples: '  gantry scale job web --replicas 5',
    load: async () => (await import('./commands/scale.ts')).scale,
  },
  {
    name: 'patch',
    arguments: '[type-or-name...]',
    summary: 'change fields of objects',
    flags: [
      { flags: '-p, --patch <text>', description: 'the change, as JSON or YAML' },
      { flags: '--patch-file <file>', description: 'file with the change' },
      { flags: '--type <type>', description: 'merge or json', default: 'merge' },
      { flags: '--subresource <name>', description: 'status or scale' },
      dryRun,
      output,
    ],
    load: async () => (await import('./commands/patch.ts')).patch,
  },
  {
    name: 'label',
    arguments: '[type-name-and-changes...]',
    summary: 'set labels (KEY=VALUE) or remove them (KEY-)',
    flags: metadataFlags,
    load: async () => (await import('./commands/label.ts')).label,
  },
  {
    name: 'annotate',
    arguments: '[type-name-and-changes...]',
    summary: 'set annotations (KEY=VALUE) or remove them (KEY-)',
    flags: metadataFlags,
    load: async () => (await import('./commands/label.ts')).annotate,
  },
  ...nodeRows,
];

/** Of a scheduler that is not started with the defaults. */
const askedScheduler = [
  { flags: '--profile <name>', description: "profile the scheduler is started with, such as 'spread'" },
  { flags: '--plugins <file>', description: 'plugins of your own that it is started with' },
];

const schedulerRows: readonly CommandRow[] = [
  {
    name: 'why',
    arguments: '[task...]',
    summary: 'say why a task is pending, and what would change that',
    flags: [{ flags: '-o, --output <form>', description: 'json' }, ...askedScheduler],
    examples: '  gantry why task/huge-0-0\n  gantry why huge-0-0 -o json',
    load: async () => (await import('./commands/why.ts')).why,
  },
  {
    name: 'plan',
    arguments: '[what...]',
    summary:
      'show what would be placed where (of a file, or after drain NODE, lose NODE|LABEL=VALUE), and what would stay pending; ends with 2 when something would',
    flags: [filename, recursive, { flags: '-o, --output <form>', description: 'json' }, ...askedScheduler],
    examples:
      '  gantry plan -f web.yaml\n  gantry plan drain node/n2\n  gantry plan lose topology.kubernetes.io/zone=a',
    load: async () => (await import('./commands/plan.ts')).plan,
  },
  {
    name: 'sim',
    summary: 'run the scheduler over a trace, or over a checkpoint of the cluster, on a clock of its own',
    flags: [
      { flags: '--nodes <file>', description: 'CSV or JSON of nodes; default: those of the cluster' },
      { flags: '--trace <file>', description: 'CSV or JSON of tasks; default: those of the cluster' },
      { flags: '--no-ends', description: 'no task ever ends: how many does the cell take?' },
      {
        flags: '--compaction [trials]',
        description: 'also find out how few nodes would do, in so many trials (11)',
      },
      { flags: '-o, --output <form>', description: 'json, csv or svg (a chart)' },
    ],
    examples: '  gantry sim --nodes nodes.csv --trace tasks.csv\n  gantry sim --compaction',
    load: async () => (await import('./commands/sim.ts')).sim,
  },
];

const serverRows: readonly CommandRow[] = [
  {
    name: 'explain',
    arguments: '<type-and-field>',
    summary: 'document a type or a field of it',
    flags: [{ flags: '--recursive', description: 'all fields below, without their descriptions' }],
    examples: '  gantry explain job.spec.update\n  gantry explain job --recursive',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  {
    name: 'api-resources',
    summary: 'list the types of objects the server has',
    flags: [
      { flags: '-o, --output <form>', description: 'wide or name' },
      { flags: '--api-group <group>', description: 'only of this group' },
      {
        flags: '--namespaced [bool]',
        description: 'only types that are (true) or are not (false) in namespaces',
      },
      { flags: '--no-headers', description: 'no header line' },
    ],
    load: async () => (await import('./commands/api-resources.ts')).apiResources,
  },
  {
    name: 'api-versions',
    summary: 'list the groups and versions the server has',
    load: async () => (await import('./commands/api-resources.ts')).apiVersions,
  },
  {
    name: 'config current-context',
    summary: 'print the current kubeconfig context',
    load: async () => (await import('./commands/config.ts')).currentContext,
  },
  {
    name: 'config get-contexts',
    summary: 'list the kubeconfig contexts',
    load: async () => (await import('./commands/config.ts')).getContexts,
  },
  {
    name: 'config use-context',
    arguments: '<name>',
    summary: 'make a kubeconfig context the current one',
    load: async () => (await import('./commands/config.ts')).useContext,
  },
  {
    name: 'version',
    summary: 'print the versions of this program and of the server',
    flags: [
      { flags: '--client', description: 'only of this program' },
      { flags: '-o, --output <form>', description: 'json or yaml' },
    ],
    load: async () => (await import('./commands/version.ts')).version,
  },
];

export const commandTable: readonly CommandRow[] = [
  ...localClusterRows,
  ...imageRows,
  ...readRows,
  ...writeRows,
  ...schedulerRows,
  ...serverRows,
];
