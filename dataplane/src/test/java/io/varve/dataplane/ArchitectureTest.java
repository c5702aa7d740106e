package io.varve.dataplane;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The rules of the house that the compiler does not know. */
class ArchitectureTest {
    private static final String ROOT = "io.varve.dataplane.";

    /** The packages in the order in which a write visits them. Each may use those of later rows only, not its neighbours in its row. */
    private static final List<List<String>> ORDER = List.of(
            List.of("main"),
            List.of("agent"),
            List.of("frontend"),
            List.of("volume"),
            List.of("replication"),
            List.of("wire", "store"),
            List.of("disk"),
            List.of("buffer", "time", "metrics"),
            List.of("check"));

    private static JavaClasses production;

    @BeforeAll
    static void importClasses() {
        production = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("io.varve.dataplane");
    }

    private static String inside(String part) {
        return ROOT + part + "..";
    }

    @TestFactory
    List<DynamicTest> importsGoDownOnly() {
        List<DynamicTest> tests = new ArrayList<>();
        List<String> above = new ArrayList<>();
        for (List<String> row : ORDER) {
            for (String part : row) {
                List<String> forbidden = new ArrayList<>(above);
                row.stream()
                        .filter(neighbour -> !neighbour.equals(part))
                        .forEach(neighbour -> forbidden.add(inside(neighbour)));
                if (!forbidden.isEmpty()) {
                    ArchRule rule = noClasses()
                            .that()
                            .resideInAPackage(inside(part))
                            .should()
                            .dependOnClassesThat()
                            .resideInAnyPackage(forbidden.toArray(String[]::new))
                            .allowEmptyShould(true);
                    tests.add(DynamicTest.dynamicTest(part, () -> rule.check(production)));
                }
            }
            row.forEach(part -> above.add(inside(part)));
        }
        return tests;
    }

    @Test
    void everyPackageHasAPlaceInTheOrder() {
        String[] known = ORDER.stream()
                .flatMap(List::stream)
                .map(ArchitectureTest::inside)
                .toArray(String[]::new);
        noClasses().should().resideOutsideOfPackages(known).check(production);
    }

    @Test
    void roomsAreFreeOfCycles() {
        slices().matching(ROOT + "(*)..").should().beFreeOfCycles().check(production);
    }

    @Test
    void frontEndsDoNotSeeEachOther() {
        slices().matching(ROOT + "frontend.(*)..")
                .should()
                .notDependOnEachOther()
                .check(production);
    }

    @Test
    void namesSayWhatAThingIs() {
        noClasses()
                .should()
                .haveNameMatching(".*(Manager|Util|Utils|Helper|Impl|Processor|Common|Base)$")
                .check(production);
    }

    @Test
    void onlyTheTimePackageReadsAClockOrSleeps() {
        noClasses()
                .that()
                .resideOutsideOfPackage(inside("time"))
                .should()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(Instant.class, "now")
                .orShould()
                .callMethod(Thread.class, "sleep", long.class)
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(Clock.class)
                .check(production);
    }

    @Test
    void decisionsAreFreeOfSockets() {
        noClasses()
                .that()
                .resideInAnyPackage(inside("replication"), inside("volume"), inside("store"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.vertx..", "io.netty.channel..", "java.net..", "java.nio.channels..")
                .allowEmptyShould(true)
                .check(production);
    }

    @Test
    void internalsOfVertxStayInTheClassesThatNeedThem() {
        noClasses()
                .that()
                .resideInAPackage(inside("frontend"))
                .and()
                .haveSimpleNameNotEndingWith("Connection")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.vertx.core.internal..")
                .check(production);
    }
}
