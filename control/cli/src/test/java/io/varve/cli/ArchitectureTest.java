package io.varve.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("slow") // It reads the classes of the libraries too.
class ArchitectureTest {
    private final JavaClasses production = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.varve.cli");

    @Test
    void packagesAreFreeOfCycles() {
        slices().matching("io.varve.cli.(*)..").should().beFreeOfCycles().check(production);
    }

    @Test
    void whatIsSharedKnowsNoneOfItsUsers() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        "io.varve.cli.client..",
                        "io.varve.cli.config..",
                        "io.varve.cli.log..",
                        "io.varve.cli.output..",
                        "io.varve.cli.process..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.varve.cli.command..", "io.varve.cli.demo..", "io.varve.cli.server..")
                .check(production);
    }

    @Test
    void onlyWhatTouchesDataKnowsTheDataPlane() {
        noClasses()
                .that()
                .resideOutsideOfPackages("io.varve.cli.server", "io.varve.cli.attach", "io.varve.cli.discovery")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.varve.dataplane..")
                .check(production);
    }

    @Test
    void theDemoDrivesNodesFromOutside() {
        noClasses()
                .that()
                .resideInAPackage("io.varve.cli.demo..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.varve.cli.server..")
                .check(production);
    }

    @Test
    void nobodyHereKnowsHazelcastAndOnlyTheNodeItsMembership() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAPackage("com.hazelcast..")
                .check(production);
        noClasses()
                .that()
                .resideOutsideOfPackage("io.varve.cli.server")
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
