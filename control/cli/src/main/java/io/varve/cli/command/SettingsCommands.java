package io.varve.cli.command;

import io.varve.api.ChangeSettingsRequest;
import io.varve.api.ClusterSettings;
import io.varve.api.GetSettingsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.SettingValue;
import io.varve.cli.output.Table;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve cluster settings} and {@code varve cluster set}. */
final class SettingsCommands {
    private SettingsCommands() {}

    @Command(
            name = "settings",
            description = "What holds for the whole cluster, and can be changed while it runs.",
            footerHeading = "%nExamples:%n",
            footer = "  varve cluster settings")
    static final class Show implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(
                    root.ask(ManagementGrpcClient.GetSettings, GetSettingsRequest.getDefaultInstance()),
                    SettingsCommands::table);
        }
    }

    @Command(
            name = "set",
            description = "Changes settings of the whole cluster, at once and for good: all of those named, or none.",
            footerHeading = "%nExamples:%n",
            footer = {
                "  varve cluster set rebuild.grace=30m",
                "  varve cluster set rebuild.limit=200MiB balance.enabled=false",
            })
    static final class Change implements Runnable {
        @Parameters(paramLabel = "KEY=VALUE", arity = "1..*", description = "See 'varve cluster settings'.")
        private List<String> values = List.of();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var request = ChangeSettingsRequest.newBuilder();
            for (var value : values) {
                var equals = value.indexOf('=');
                if (equals <= 0) {
                    throw new CommandLine.ParameterException(
                            spec.commandLine(),
                            "'" + value + "' is no KEY=VALUE; write for example rebuild.grace=30m.");
                }
                request.addValues(SettingValue.newBuilder()
                        .setKey(value.substring(0, equals))
                        .setValue(value.substring(equals + 1)));
            }
            root.print(root.ask(ManagementGrpcClient.ChangeSettings, request.build()), SettingsCommands::table);
        }
    }

    private static String table(ClusterSettings settings) {
        var table = Table.of("SETTING", "VALUE", "DEFAULT", "RANGE", "MEANING");
        for (var setting : settings.getSettingsList()) {
            table.row(
                    setting.getKey(),
                    setting.getValue(),
                    setting.getDefaultValue(),
                    setting.getRange(),
                    setting.getMeaning());
        }
        return table.render();
    }
}
