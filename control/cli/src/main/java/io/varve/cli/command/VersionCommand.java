package io.varve.cli.command;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code varve version}. */
@Command(
        name = "version",
        description = "Prints the version of this program and of the Java that runs it.",
        footerHeading = "%nExamples:%n",
        footer = "  varve version")
public final class VersionCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var out = RootCommand.of(spec).out();
        out.println("varve " + version() + " (Java " + Runtime.version() + ", " + System.getProperty("os.arch") + ")");
        out.flush();
    }

    /** The version in the jar's manifest; "development" when the classes do not come from a jar. */
    public static String version() {
        var version = VersionCommand.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
