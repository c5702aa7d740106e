import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** Runs the tests named (full class name, or class#method) without Maven, and prints: tests run, tests failed. */
final class RunTests {
    private RunTests() {}

    public static void main(String[] names) {
        Set<String> chosen = Set.of(names);
        PostDiscoveryFilter named = test -> FilterResult.includedIf(test.getSource()
                .filter(MethodSource.class::isInstance)
                .map(MethodSource.class::cast)
                .map(method -> chosen.contains(method.getClassName())
                        || chosen.contains(method.getClassName() + "#" + method.getMethodName()))
                .orElse(true));
        PostDiscoveryFilter shortOnes = test -> FilterResult.includedIf(
                test.getTags().stream().noneMatch(tag -> tag.getName().equals("long") || tag.getName().equals("fuzz")));
        var request = LauncherDiscoveryRequestBuilder.request()
                .selectors(Arrays.stream(names)
                        .map(name -> name.split("#")[0])
                        .collect(Collectors.toSet())
                        .stream()
                        .map(name -> selectClass(name))
                        .toList())
                .filters(named, shortOnes)
                .build();
        var listener = new SummaryGeneratingListener();
        LauncherFactory.create().execute(request, listener);
        var summary = listener.getSummary();
        summary.getFailures().forEach(failure -> System.out.println(failure.getTestIdentifier().getDisplayName() + ": " + String.valueOf(failure.getException()).lines().findFirst().orElse("")));
        System.out.println(summary.getTestsFoundCount() + " " + summary.getTotalFailureCount());
        System.exit(0);
    }
}
