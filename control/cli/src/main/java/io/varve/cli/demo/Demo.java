package io.varve.cli.demo;

import io.varve.api.Volume;
import io.varve.api.VolumeStats;
import io.varve.cli.attach.AttachedVolume;
import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.cli.demo.DemoOptions.Load;
import io.varve.cli.output.Text;
import io.varve.cli.process.Teardown;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;

/** One run of the demo, from the first process to the last figure. */
final class Demo {
    private static final Duration FRAME = Duration.ofSeconds(1);
    /** As many as there are event loops and copies to keep busy on a small machine. */
    private static final int DATABASE_CLIENTS = 8;

    private static final int MAX_NOTES = 100;
    private static final Duration ATTACHMENT_LIMIT = Duration.ofSeconds(3);

    private final DemoOptions options;
    private final DemoDirectory directory;
    private final PrintWriter out;
    private final Teardown teardown;
    private final long startedNanos = System.nanoTime();
    private Volume volume = Volume.getDefaultInstance();
    private Optional<AttachedVolume> attached = Optional.empty();
    /** What the attachment says, a few lines for each node that dies, until the picture's next frame. */
    private final Queue<String> notes = new LinkedBlockingQueue<>(MAX_NOTES);

    Demo(DemoOptions options, DemoDirectory directory, PrintWriter out, Teardown teardown) {
        this.options = options;
        this.directory = directory;
        this.out = out;
        this.teardown = teardown;
    }

    /** Answers whether everything that was shown was right. */
    boolean run() throws IOException, InterruptedException {
        Leftovers.clear(directory);
        directory.replaceTakenPorts().forEach(moved -> say("Moved " + moved + "."));
        var processes = new NodeProcesses(directory.nodeList());
        say("Starting " + directory.nodes() + " nodes on files in " + directory.root());
        processes.start(directory, DemoOptions.metadataMembers(directory.nodes()), teardown);
        var obstacle = options.load() == Load.DATABASE
                ? Prerequisites.forDatabase(out, options.yes())
                : Optional.<String>empty();
        var template = obstacle.isEmpty() && options.load() == Load.DATABASE
                ? Optional.of(databaseTemplate())
                : Optional.<DatabaseTemplate>empty();
        processes.awaitAlive();
        var client =
                new ClusterClient(directory.nodeList(), directory.credentials(), teardown, processes::requireAlive);
        teardown.add("close the connection to the cluster", Duration.ofSeconds(1), limit -> {
            client.close();
            return "";
        });
        var uri = openVolume(client);
        say("The volume is open: " + uri);
        obstacle.ifPresent(reason -> say("No file system and no database: " + reason + "."));
        return switch (options.load()) {
            case NONE -> exportOnly(client, processes, uri);
            case NBD -> driveFromUserSpace(client, processes, uri);
            case DATABASE ->
                template.isEmpty()
                        ? driveFromUserSpace(client, processes, uri)
                        : driveDatabase(client, processes, uri, template.get());
        };
    }

    private static Path programs() {
        return Prerequisites.postgresPrograms()
                .orElseThrow(() -> new CommandFailure(ExitCode.FAILED, "PostgreSQL is not installed", ""));
    }

    /** Already being made when this is the first run here. */
    private DatabaseTemplate databaseTemplate() {
        var template = new DatabaseTemplate(programs(), directory.mounts().resolve("initdb"), teardown);
        if (directory.acknowledged() == 0) {
            template.begin();
        }
        return template;
    }

    private void say(String line) {
        out.println(line);
        out.flush();
    }

    private String openVolume(ClusterClient client) throws InterruptedException {
        client.init();
        client.awaitNodes();
        var fresh = client.create(directory);
        say((fresh ? "Made" : "Found") + " volume " + DemoDirectory.VOLUME + ", " + directory.size() + ", "
                + directory.replicas() + (directory.replicas() == 1 ? " copy" : " copies"));
        volume = client.attach();
        return volume.getAttachment().getNbdUri();
    }

    private boolean exportOnly(ClusterClient client, NodeProcesses processes, String uri) throws InterruptedException {
        sayHowToLookCloser(uri, Optional.empty());
        var counted = new Counted(() -> "exported as " + uri, () -> "", () -> {});
        watch(client, processes, counted);
        return summarize(client, "The volume was exported for " + elapsed(), true);
    }

    /** Beside the mounts; for a user who may not write there, in the directory for temporary files: a socket's path is short. */
    private Path socket() {
        var mounts = directory.mounts();
        return Files.isWritable(mounts.getParent())
                ? mounts.resolve("volume.sock")
                : Path.of(System.getProperty("java.io.tmpdir", "/tmp"))
                        .resolve(mounts.getFileName())
                        .resolve("volume.sock");
    }

    /** The volume on a socket of this machine, wherever it is open: what drives it sees a pause when a node dies. */
    private AttachedVolume attachHere() {
        var servers = directory.nodeList().stream().map(DemoNode::management).toList();
        var here = new AttachedVolume(
                DemoDirectory.VOLUME,
                0,
                servers,
                directory.credentials(),
                socket(),
                Duration.ZERO,
                line -> notes.offer("varve attach: " + line));
        teardown.add("end the attachment", ATTACHMENT_LIMIT, limit -> {
            here.close();
            return "";
        });
        here.open();
        attached = Optional.of(here);
        return here;
    }

    private boolean driveFromUserSpace(ClusterClient client, NodeProcesses processes, String uri)
            throws IOException, InterruptedException {
        say("Driving the volume with " + StampLoad.CLIENTS + " NBD clients in user space.");
        var place = Files.createDirectories(socket().getParent());
        teardown.add("remove " + place, ATTACHMENT_LIMIT, limit -> {
            Files.deleteIfExists(place);
            return "";
        });
        var load = StampLoad.start(attachHere().uri(), teardown);
        var found = load.awaitFound();
        say("The volume answered its first requests " + elapsed() + " after the start.");
        say(found == 0 ? "The volume is empty." : "Found " + found + " blocks that an earlier run stamped, all right.");
        sayHowToLookCloser(uri, Optional.empty());
        var counted = new Counted(() -> load.operations() + " requests answered, all right", load::failure, () -> {});
        watch(client, processes, counted);
        load.stop();
        return summarize(
                client,
                load.operations() + " requests answered" + (load.failure().isEmpty() ? ", every block right" : ""),
                load.failure().isEmpty());
    }

    private boolean driveDatabase(ClusterClient client, NodeProcesses processes, String uri, DatabaseTemplate template)
            throws IOException, InterruptedException {
        var mount = new FileSystemMount(directory.mounts(), teardown);
        mount.prepare();
        var fileSystem = mount.mount(attachHere().uri(), directory.root().resolve("nbdfuse.log"));
        say((mount.isFresh() ? "Made" : "Found") + " ext4, mounted on " + fileSystem);
        var database = new Database(
                programs(),
                template,
                fileSystem,
                directory.mounts().resolve("run"),
                directory.root().resolve("postgresql.log"),
                teardown,
                mount::cutOff);
        database.start();
        var rowsBefore = mount.isFresh() ? 0 : found(database);
        database.load();
        database.transact();
        say("PostgreSQL committed its first transaction " + elapsed() + " after the start.");
        var load = TransactionLoad.start(database.loadCommand(DATABASE_CLIENTS), teardown);
        sayHowToLookCloser(uri, Optional.of(database.shellCommand()));
        var counted = new Counted(
                () -> describe(load.latest(), rowsBefore),
                () -> load.isAlive() ? "" : "pgbench ended: " + load.lastWords(),
                () -> directory.rememberAcknowledged(
                        rowsBefore + (long) load.latest().total()));
        var failure = watch(client, processes, counted);
        load.stop();
        if (!failure.isEmpty()) {
            return summarize(client, failure, false);
        }
        var rows = database.historyRows();
        directory.rememberAcknowledged(rows);
        return summarize(
                client,
                (rows - rowsBefore) + " transactions committed, "
                        + Text.rate(load.latest().total()
                                / Math.max(1, load.latest().seconds()))
                        + " a second; the history holds " + rows + " rows",
                true);
    }

    /** Rows that earlier runs left, compared with what they counted. */
    private long found(Database database) {
        var rows = database.historyRowsIfAny();
        var counted = directory.acknowledged();
        say("Found the database of an earlier run: " + rows + " transactions in pgbench_history"
                + (counted > 0 ? "; that run had counted about " + counted : ""));
        return rows;
    }

    private static String describe(TransactionLoad.Progress progress, long before) {
        return "PostgreSQL %s transactions/s, %s each, %d in total"
                .formatted(
                        Text.rate(progress.perSecond()),
                        Text.latency(progress.latencyMillis() * 1000),
                        before + (long) progress.total());
    }

    private void sayHowToLookCloser(String uri, Optional<String> sql) {
        var server = directory.nodeList().getFirst().management();
        say("To look closer, in another shell:");
        say("  export VARVE_CREDENTIALS="
                + directory.nodeList().getFirst().identity().admin());
        say("  ./varve status --server " + server);
        say("  ./varve volume show " + DemoDirectory.VOLUME + " --server " + server);
        say("  ./varve node show n1 --server " + server);
        say("  nbdinfo " + uri);
        sql.ifPresent(command -> say("  " + command));
        say("  ./varve demo kill n2 --dir " + directory.root() + "      any node: a pause, and it goes on");
        say("  ./varve demo start n2 --dir " + directory.root() + "     its copies come back");
        say("  ./varve demo kill all --dir " + directory.root() + "     then start the demo again\n");
    }

    private String elapsed() {
        return Text.latency((System.nanoTime() - startedNanos) / 1e3);
    }

    /** What drives the volume, as the live view sees it. */
    private record Counted(Supplier<String> words, Supplier<String> failure, Runnable remember) {}

    /** Draws once a second until the time is over, the load fails or a node is gone. Answers what failed. */
    private String watch(ClusterClient client, NodeProcesses processes, Counted load) throws InterruptedException {
        var view = new LiveView(
                out,
                RootCommand.isInteractive(),
                directory.nodeList().stream().map(DemoNode::name).toList(),
                volume);
        var begin = System.nanoTime();
        var end = options.runFor().map(time -> begin + time.toNanos()).orElse(Long.MAX_VALUE);
        var before = LiveFigures.NONE;
        for (var frame = 1L; System.nanoTime() < end; frame++) {
            var next = Math.min(end, begin + frame * FRAME.toNanos());
            if (teardown.awaitBegin(Duration.ofNanos(Math.max(0, next - System.nanoTime())))) {
                return "stopped";
            }
            var now = client.figures();
            client.volume().ifPresent(view::update);
            for (var note = notes.poll(); note != null; note = notes.poll()) {
                view.note(note);
            }
            var elapsed = Duration.ofNanos(System.nanoTime() - begin);
            view.show(new LiveView.Moment(elapsed, load.words.get() + pauses(), before, now, states(processes)));
            before = now;
            load.remember.run();
            var failure =
                    processes.nodes().stream().anyMatch(processes::isAlive) ? load.failure.get() : "all nodes are gone";
            if (!failure.isEmpty()) {
                return afterFailure(failure, processes);
            }
        }
        return "";
    }

    /** What the client side saw of lost access points. */
    private String pauses() {
        return attached.map(AttachedVolume::pauses)
                .filter(seen -> seen.isPausing() || seen.count() > 0)
                .map(seen -> seen.isPausing()
                        ? ", waiting for another access point"
                        : ", %d pause(s), longest %s"
                                .formatted(
                                        seen.count(),
                                        Text.latency(seen.longest().toNanos() / 1e3)))
                .orElse("");
    }

    private static Map<String, String> states(NodeProcesses processes) {
        var states = new LinkedHashMap<String, String>();
        for (var node : processes.nodes()) {
            states.put(node.name(), processes.isAlive(node) ? "up" : "down");
        }
        return states;
    }

    private String afterFailure(String failure, NodeProcesses processes) {
        var down = processes.nodes().stream()
                .filter(node -> !processes.isAlive(node))
                .map(DemoNode::name)
                .toList();
        say("\n" + failure);
        if (!down.isEmpty()) {
            say("These nodes are gone: " + String.join(", ", down)
                    + ". Start the demo again: every committed transaction will be there.");
        }
        return failure;
    }

    private boolean summarize(ClusterClient client, String result, boolean right) {
        if (teardown.isRunning()) {
            return right;
        }
        var figures = client.figures();
        if (right) {
            say("\n" + result + ".");
        }
        figures.volume(DemoDirectory.VOLUME).ifPresent(stats -> say(describe(stats)));
        for (var node : directory.nodeList()) {
            if (figures.nodes().containsKey(node.name())) {
                say("Node " + node.name() + " stores " + Text.size(figures.storedBytes(node.name())) + ".");
            }
        }
        say("Everything is kept in " + directory.root() + "; start again to go on, remove it to forget.");
        return right;
    }

    private static String describe(VolumeStats stats) {
        return "The volume answered %d reads and %d writes; write p50 %s p99 %s, read p50 %s p99 %s."
                .formatted(
                        stats.getReads(),
                        stats.getWrites(),
                        Text.latency(stats.getWriteP50Micros()),
                        Text.latency(stats.getWriteP99Micros()),
                        Text.latency(stats.getReadP50Micros()),
                        Text.latency(stats.getReadP99Micros()));
    }
}
