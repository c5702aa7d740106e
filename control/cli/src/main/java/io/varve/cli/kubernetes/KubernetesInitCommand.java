package io.varve.cli.kubernetes;

import com.google.gson.JsonObject;
import io.varve.api.CreateTokenRequest;
import io.varve.api.CreatedToken;
import io.varve.api.InitClusterRequest;
import io.varve.api.ListTokensRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.RevokeTokenRequest;
import io.varve.cli.client.CallResult;
import io.varve.cli.client.Credentials;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.Identity;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Pem;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import io.vertx.grpc.common.ServiceMethod;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve kubernetes-init}: makes a cluster of the pods of the chart. Each step looks first whether it was done; a job repeats the whole until it is. */
@Command(
        name = "kubernetes-init",
        description = {
            "Run by a job of the Helm chart: makes the cluster's authority and places for its metadata, waits for the metadata group,",
            "makes the cluster, and gives the CSI driver its credentials. What is there already stays as it is."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve kubernetes-init --cluster lab --server varve-metadata-0.varve-metadata:7400 --metadata-directory /var/lib/varve",
        })
public final class KubernetesInitCommand implements Callable<Integer> {
    private static final Duration PAUSE = Duration.ofSeconds(2);
    private static final Duration CALL_LIMIT = Duration.ofSeconds(45);
    /** A certificate for the calls of this one run. */
    private static final Duration LIFETIME = Duration.ofHours(1);

    private static final String CSI_TOKEN = "kubernetes-csi";

    @Option(
            names = "--cluster",
            required = true,
            paramLabel = "NAME",
            description = "The cluster's name, as in the configuration of its nodes.")
    private String cluster = "";

    @Option(
            names = "--authority-secret",
            paramLabel = "SECRET",
            defaultValue = "varve-authority",
            description = "Where the authority is kept: ca.pem, and ca.key for the members. Default: varve-authority.")
    private String authoritySecret = "varve-authority";

    @Option(
            names = "--csi-secret",
            paramLabel = "SECRET",
            defaultValue = "varve-csi",
            description = "Where the credentials of the CSI driver are kept. Default: varve-csi.")
    private String csiSecret = "varve-csi";

    @Option(
            names = "--metadata-directory",
            paramLabel = "PATH",
            defaultValue = "",
            description = {
                "Directory on the machines, below which the members of the metadata group keep the truth. Persistent volumes there are made,",
                "on as many machines and in as many zones as there are members. Default: none are made."
            })
    private String directory = "";

    @Option(
            names = "--metadata-name",
            paramLabel = "NAME",
            defaultValue = "varve-metadata",
            description =
                    "Name of those volumes, to which a number is added, of their class, and of the StatefulSet. Default: varve-metadata.")
    private String metadataName = "varve-metadata";

    @Option(
            names = "--wait",
            paramLabel = "TIME",
            defaultValue = "10m",
            description = "How long to wait for the metadata group. Default: 10m.")
    private Duration wait = Duration.ofMinutes(10);

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws InterruptedException {
        var root = RootCommand.of(spec);
        var out = root.out();
        try {
            var api = KubernetesApi.ofThisPod();
            var secrets = new Secrets(api, KubernetesApi.namespace());
            var authority = authority(secrets, out);
            if (!directory.isEmpty()) {
                makeMetadataVolumes(api, root.servers().size(), out);
            }
            try (var connection = new ManagementConnection(root.servers(), credentials(authority))) {
                makeCluster(connection, out);
                giveCredentials(connection, secrets, out);
            }
            return ExitCode.OK;
        } catch (IOException e) {
            throw new CommandFailure(ExitCode.FAILED, String.valueOf(e.getMessage()), "");
        }
    }

    // ------------------------------------------------------------------ the steps

    private CertificateAuthority authority(Secrets secrets, PrintWriter out) throws IOException {
        var made = CertificateAuthority.create(cluster, Instant.now());
        var kept = secrets.keep(
                authoritySecret, Map.of("ca.pem", Pem.encode(made.certificate()), "ca.key", Pem.encode(made.key())));
        var authority = new CertificateAuthority(
                Pem.certificates(kept.getOrDefault("ca.pem", "")).getFirst(),
                Pem.privateKey(kept.getOrDefault("ca.key", ""))
                        .orElseThrow(() -> new IOException("secret " + authoritySecret + " holds no ca.key")));
        say(out, "Authority " + CertificateAuthority.fingerprint(authority.certificate()));
        return authority;
    }

    private void makeMetadataVolumes(KubernetesApi api, int count, PrintWriter out) throws IOException {
        var there = new ArrayList<JsonObject>(); // These stay where they are, also when there are more machines now.
        var missing = new ArrayList<Integer>();
        for (var number = 0; number < count; number++) {
            var volume = api.get("/api/v1/persistentvolumes/" + metadataName + "-" + number);
            if (volume.isPresent()) {
                there.add(volume.get());
            } else {
                missing.add(number);
            }
        }
        if (missing.isEmpty()) {
            return;
        }
        var nodes = api.get("/api/v1/nodes").orElseThrow();
        var volumes = MetadataPlaces.volumes(
                nodes, there, missing, new MetadataPlaces.Naming(metadataName, KubernetesApi.namespace(), directory));
        if (volumes.size() < missing.size()) {
            throw new IOException(count + " members of the metadata group need " + count
                    + " machines that take pods, and there are " + (there.size() + volumes.size())
                    + " now: add machines, or install with metadata.members=1");
        }
        for (var volume : volumes.reversed()) { // the first one last: whoever sees it sees all
            api.create("/api/v1/persistentvolumes", volume);
            say(out, "Volume " + name(volume));
        }
    }

    private static String name(JsonObject object) {
        return object.getAsJsonObject("metadata").get("name").getAsString();
    }

    private static Credentials credentials(CertificateAuthority authority) {
        var keys = CertificateAuthority.newKey();
        var own = authority.issue(
                keys.getPublic(), new Principal(Role.ADMIN, "kubernetes-init"), Instant.now(), LIFETIME);
        var identity = Identity.of(List.of(own), keys.getPrivate(), List.of(authority.certificate()));
        return new Credentials(Optional.of(new LiveIdentity(identity)), Optional.empty());
    }

    /** Members come up in their time, and elect; the call changes nothing when it is repeated. */
    private void makeCluster(ManagementConnection connection, PrintWriter out) throws InterruptedException {
        var request = InitClusterRequest.newBuilder().setName(cluster).build();
        var end = System.nanoTime() + wait.toNanos();
        while (true) {
            var result = connection.call(ManagementGrpcClient.InitCluster, request, CALL_LIMIT);
            if (result instanceof CallResult.Answered<?>) {
                say(out, "Cluster " + cluster + " is ready");
                return;
            }
            if (System.nanoTime() > end) {
                CommandFailure.orThrow(result);
            }
            say(out, "Waiting for the metadata group" + reason(result));
            Thread.sleep(PAUSE);
        }
    }

    private static String reason(CallResult<?> result) {
        return switch (result) {
            case CallResult.Answered<?> answered -> "";
            case CallResult.Refused<?> refused -> ": " + refused.message();
            case CallResult.Unreachable<?> unreachable -> ": no member answers yet";
            case CallResult.Unknown<?> unknown -> ": " + unknown.reason();
        };
    }

    /** A token is shown once. Where the secret is not there, an older one of this name is known to nobody. */
    private void giveCredentials(ManagementConnection connection, Secrets secrets, PrintWriter out) throws IOException {
        if (secrets.find(csiSecret).isPresent()) {
            return;
        }
        var tokens = ask(connection, ManagementGrpcClient.ListTokens, ListTokensRequest.getDefaultInstance());
        if (tokens.getTokensList().stream().anyMatch(token -> token.getName().equals(CSI_TOKEN))) {
            ask(
                    connection,
                    ManagementGrpcClient.RevokeToken,
                    RevokeTokenRequest.newBuilder().setName(CSI_TOKEN).build());
        }
        var created = ask(
                connection,
                ManagementGrpcClient.CreateToken,
                CreateTokenRequest.newBuilder()
                        .setName(CSI_TOKEN)
                        .setRole(Role.CSI.text())
                        .build());
        secrets.keep(csiSecret, Map.of("credentials", file(created)));
        say(out, "Credentials of the CSI driver are in secret " + csiSecret);
    }

    private static String file(CreatedToken created) {
        var text = new StringBuilder("token: ").append(created.getSecret()).append('\n');
        created.getAuthoritiesList().forEach(der -> text.append(Pem.encode(Pem.certificate(der.toByteArray()))));
        return text.toString();
    }

    private static <Q, R> R ask(ManagementConnection connection, ServiceMethod<R, Q> method, Q request) {
        return CommandFailure.orThrow(connection.call(method, request, CALL_LIMIT));
    }

    private static void say(PrintWriter out, String line) {
        out.println(line);
        out.flush();
    }

    /** The secrets of one namespace. */
    record Secrets(KubernetesApi api, String namespace) {
        private String path() {
            return "/api/v1/namespaces/" + namespace + "/secrets";
        }

        Optional<Map<String, String>> find(String name) throws IOException {
            return api.get(path() + "/" + name).map(Secrets::texts);
        }

        /** What the secret holds: these texts if it was not there, else what it held before. */
        Map<String, String> keep(String name, Map<String, String> texts) throws IOException {
            var there = find(name);
            if (there.isPresent()) {
                return there.get();
            }
            var metadata = new JsonObject();
            metadata.addProperty("name", name);
            var data = new JsonObject();
            texts.forEach((key, text) ->
                    data.addProperty(key, Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8))));
            var secret = new JsonObject();
            secret.addProperty("apiVersion", "v1");
            secret.addProperty("kind", "Secret");
            secret.add("metadata", metadata);
            secret.add("data", data);
            if (api.create(path(), secret).isPresent()) {
                return texts;
            }
            return find(name).orElseThrow(() -> new IOException("secret " + name + " was made and deleted again"));
        }

        private static Map<String, String> texts(JsonObject secret) {
            var texts = new java.util.HashMap<String, String>();
            if (secret.has("data")) {
                secret.getAsJsonObject("data")
                        .entrySet()
                        .forEach(entry -> texts.put(
                                entry.getKey(),
                                new String(
                                        Base64.getDecoder()
                                                .decode(entry.getValue().getAsString()),
                                        StandardCharsets.UTF_8)));
            }
            return texts;
        }
    }
}
