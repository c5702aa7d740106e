package io.varve.cli.command;

import io.varve.api.BackupMetadataRequest;
import io.varve.api.BackupPart;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.meta.BackupHead;
import io.varve.cli.output.ProgressBar;
import io.varve.cli.output.Text;
import io.varve.control.api.BackupFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve metadata backup}: the metadata at one moment, in a file. */
@Command(
        name = "backup",
        description = {
            "Writes all metadata, as of one moment, to a file that must not exist: names, placements, settings, tokens. Never data of volumes.",
            "Keep the file as a secret, and off this cluster. docs/operating/losing-the-metadata.md tells what it is good for."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve metadata backup /backup/varve-$(date +%%F).meta"})
final class MetadataBackupCommand implements Runnable {
    private static final Duration SILENCE_LIMIT = Duration.ofMinutes(1);

    @Parameters(paramLabel = "FILE", description = "Where to. Nothing is overwritten.")
    private Path file = Path.of("");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var root = RootCommand.of(spec);
        if (Files.exists(file)) {
            throw exists();
        }
        var content = fetched(root);
        BackupHead head;
        try {
            head = BackupFile.decode(content).head();
            write(content);
        } catch (BackupFile.BadBackupException e) {
            throw new CommandFailure(ExitCode.FAILED, "what the server sent is no backup: " + e.getMessage(), "");
        } catch (FileAlreadyExistsException e) {
            throw exists();
        } catch (IOException e) {
            throw new CommandFailure(ExitCode.FAILED, "cannot write " + file + ": " + e, "Name another file.");
        }
        root.print(
                head,
                told -> "Wrote " + file + ", " + Text.size(content.length) + ": the metadata of cluster "
                        + told.getName() + " (" + told.getClusterUuid() + ") as of index " + told.getIndex() + ", "
                        + told.getEntries() + " entries.\n");
    }

    private CommandFailure exists() {
        return new CommandFailure(ExitCode.USAGE, file + " exists, and is not overwritten", "Name another file.");
    }

    private static byte[] fetched(RootCommand root) {
        var content = new ByteArrayOutputStream();
        var bar = new ProgressBar(root.out(), RootCommand.isInteractive(), "Backup");
        try (var connection = root.connect()) {
            CommandFailure.orThrow(connection.stream(
                    ManagementGrpcClient.BackupMetadata,
                    BackupMetadataRequest.getDefaultInstance(),
                    part -> take(part, content, bar),
                    SILENCE_LIMIT));
        } finally {
            bar.clear();
        }
        return content.toByteArray();
    }

    private static void take(BackupPart part, ByteArrayOutputStream content, ProgressBar bar) {
        content.writeBytes(part.getContent().toByteArray());
        bar.show(content.size(), part.getTotalBytes(), "bytes");
    }

    /** For the owner's eyes only; durable, or not there. */
    private void write(byte[] content) throws IOException {
        var whole = false;
        try (var channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            var rest = ByteBuffer.wrap(content);
            while (rest.hasRemaining()) {
                channel.write(rest);
            }
            channel.force(true);
            whole = true;
        } finally {
            // One that another process made meanwhile is none of ours: then the channel was never open.
            if (!whole && Files.exists(file) && Files.size(file) < content.length) {
                Files.delete(file);
            }
        }
        try (var directory = FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
            directory.force(true);
        }
    }
}
