package io.varve.control.membership;

import static org.assertj.core.api.Assertions.assertThat;

import com.hazelcast.core.HazelcastInstance;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What members may send one another is no more and no less than what they need. */
class HazelcastSettingsTest {
    /** The parts of Hazelcast that run here. */
    private static final List<String> USED = List.of(
            "core",
            "internal/cluster",
            "internal/partition",
            "internal/server",
            "map",
            "nio",
            "partition",
            "spi",
            "splitbrainprotection");

    /** Never sent: of parts that are switched off. */
    private static final List<String> UNUSED = List.of(
            "com.hazelcast.map.QueryResultSizeExceededException",
            "com.hazelcast.spi.impl.securestore.SecureStoreException");

    private static boolean isFailure(String name) {
        try {
            return Throwable.class.isAssignableFrom(
                    Class.forName(name, false, HazelcastInstance.class.getClassLoader()));
        } catch (ClassNotFoundException | LinkageError e) {
            return false; // Needs a library that is not here, so nobody can send it.
        }
    }

    private static List<String> classes(FileSystem jar, String part) throws Exception {
        try (Stream<Path> files = Files.walk(jar.getPath("com", "hazelcast", part))) {
            return files.map(Path::toString)
                    .filter(name -> name.endsWith(".class"))
                    .map(name -> name.substring(name.startsWith("/") ? 1 : 0, name.length() - ".class".length())
                            .replace('/', '.'))
                    .toList();
        }
    }

    @Test
    void eachFailureOfThePartsThatRunIsAllowed() throws Exception {
        URI jar = URI.create("jar:"
                + HazelcastInstance.class.getProtectionDomain().getCodeSource().getLocation());
        List<String> failures = new ArrayList<>();
        try (FileSystem opened = FileSystems.newFileSystem(jar, Map.of())) {
            for (String part : USED) {
                for (String name : classes(opened, part)) {
                    if (isFailure(name) && !UNUSED.contains(name)) {
                        failures.add(name);
                    }
                }
            }
        }
        assertThat(failures).hasSizeGreaterThan(20).allMatch(HazelcastSettings.FAILURES::isListed);
    }

    @Test
    void nothingElseOfTheInnerPartsIsAllowed() {
        assertThat(HazelcastSettings.FAILURES.isListed("com.hazelcast.internal.cluster.impl.ClusterServiceImpl"))
                .isFalse();
        assertThat(HazelcastSettings.FAILURES.isListed("com.hazelcast.map.impl.MapService"))
                .isFalse();
        assertThat(HazelcastSettings.FAILURES.isListed("java.util.HashMap")).isFalse();
    }
}
