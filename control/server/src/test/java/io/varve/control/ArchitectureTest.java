package io.varve.control;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("slow") // It reads the classes of Ratis and Vert.x too.
class ArchitectureTest {
    private final JavaClasses production = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.varve.control");

    @Test
    void importsPointFromTheApiDownToTheRules() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("server")
                .definedBy("io.varve.control")
                .layer("api")
                .definedBy("io.varve.control.api")
                .layer("truth")
                .definedBy("io.varve.control.truth")
                .layer("membership")
                .definedBy("io.varve.control.membership")
                .layer("raft")
                .definedBy("io.varve.control.raft")
                .layer("meta")
                .definedBy("io.varve.control.meta")
                .layer("placement")
                .definedBy("io.varve.control.placement")
                .layer("health")
                .definedBy("io.varve.control.health")
                .layer("rebuild")
                .definedBy("io.varve.control.rebuild")
                .whereLayer("server")
                .mayNotBeAccessedByAnyLayer()
                .whereLayer("api")
                .mayOnlyBeAccessedByLayers("server")
                .whereLayer("truth")
                .mayOnlyBeAccessedByLayers("api", "server")
                .whereLayer("membership")
                .mayOnlyBeAccessedByLayers("api", "server")
                .whereLayer("raft")
                .mayOnlyBeAccessedByLayers("api", "server", "membership")
                .whereLayer("meta")
                .mayOnlyBeAccessedByLayers("raft", "api", "rebuild", "membership")
                .whereLayer("rebuild")
                .mayOnlyBeAccessedByLayers("api")
                .whereLayer("placement")
                .mayOnlyBeAccessedByLayers("api", "rebuild")
                .whereLayer("health")
                .mayOnlyBeAccessedByLayers("api", "rebuild", "membership")
                .check(production);
    }

    @Test
    void packagesAreFreeOfCycles() {
        slices().matching("io.varve.control.(*)..").should().beFreeOfCycles().check(production);
    }

    @Test
    void theRulesKnowNeitherClockNorChanceNorAnyoneAround() {
        for (String pure : new String[] {
            "io.varve.control.meta", "io.varve.control.placement", "io.varve.control.health", "io.varve.control.rebuild"
        }) {
            noClasses()
                    .that()
                    .resideInAPackage(pure)
                    .should()
                    .callMethod(System.class, "nanoTime")
                    .orShould()
                    .callMethod(System.class, "currentTimeMillis")
                    .orShould()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "java.time..",
                            "java.io..",
                            "java.nio.file..",
                            "java.util.concurrent..",
                            "io.vertx..",
                            "org.apache.ratis..",
                            "org.lmdbjava..")
                    .orShould()
                    .dependOnClassesThat()
                    .haveFullyQualifiedName("java.util.Random")
                    .check(production);
        }
    }

    @Test
    void onlyOnePackageKnowsRatisAndLmdb() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.varve.control.raft")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.ratis..", "org.lmdbjava..")
                .check(production);
    }

    /** What decides cannot ask it: no rule, no member of the metadata group, no data node's way to the truth. */
    @Test
    void nothingDecidesOnTheMembership() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        "io.varve.control.meta",
                        "io.varve.control.raft",
                        "io.varve.control.placement",
                        "io.varve.control.health",
                        "io.varve.control.truth")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.varve.control.membership..", "com.hazelcast..")
                .check(production);
        noClasses()
                .that()
                .resideOutsideOfPackage("io.varve.control.membership")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("com.hazelcast..")
                .check(production);
    }

    /** Beyond telling it: volumes are created, placed, attached, moved and deleted by the metadata group alone. */
    @Test
    void whatChangesTheTruthDoesNotLookAtTheMembership() {
        noClasses()
                .that()
                .haveNameMatching(".*\\.api\\.(VolumeCalls|VolumePlaces|TruthEndpoint|MetaGroup|Progress).*")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.varve.control.membership..")
                .check(production);
    }

    @Test
    void namesSayWhatAThingIs() {
        noClasses()
                .should()
                .haveNameMatching(".*(Manager|Util|Utils|Helper|Impl|Processor|Common)$")
                .check(production);
    }
}
