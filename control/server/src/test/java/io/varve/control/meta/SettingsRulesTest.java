package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Setting;
import io.varve.api.TruthCode;
import io.varve.control.meta.MetaCommand.ChangeSettings;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SettingsRulesTest {
    private final Truths truths = Truths.ofThreeNodes();

    private Settings now() {
        return Settings.of(truths.state.cluster());
    }

    private String refusal(String key, String value) {
        return truths.refuses(new ChangeSettings(Map.of(key, value)), TruthCode.TRUTH_REFUSED)
                .message();
    }

    @Test
    void everythingHasADefault() {
        assertThat(now()).isEqualTo(new Settings(600_000, 0, false, true, 600_000, 0));
        assertThat(Settings.told(truths.state.cluster()).getSettingsList())
                .extracting(Setting::getValue)
                .isEqualTo(Settings.told(truths.state.cluster()).getSettingsList().stream()
                        .map(Setting::getDefaultValue)
                        .toList());
    }

    @Test
    void whatIsChangedStaysAndIsShownAsPeopleWriteIt() {
        truths.must(new ChangeSettings(Map.of("rebuild.grace", "120s", "rebuild.limit", "200MiB")));
        truths.must(new ChangeSettings(Map.of("rebuild.paused", "true", "balance.enabled", "false")));
        assertThat(now()).isEqualTo(new Settings(120_000, 200L << 20, true, false, 600_000, 0));
        assertThat(Settings.told(truths.state.cluster()).getSettings(0).getValue())
                .isEqualTo("2m");
        truths.must(new ChangeSettings(Map.of("rebuild.limit", "0")));
        assertThat(now().limitBytesPerSecond()).isZero();
    }

    @Test
    void refusesByKeyAndRange() {
        assertThat(refusal("rebuild.grace", "5s")).isEqualTo("rebuild.grace cannot be '5s': it is 15s to 7d");
        assertThat(refusal("rebuild.grace", "8d")).contains("15s to 7d");
        assertThat(refusal("rebuild.grace", "soon")).contains("15s to 7d");
        assertThat(refusal("rebuild.limit", "1MiB")).contains("0 (none), or 8MiB to 1TiB");
        assertThat(refusal("rebuild.limit", "200MB")).contains("8MiB");
        assertThat(refusal("rebuild.paused", "yes")).contains("true, false");
        assertThat(refusal("rebuild.speed", "1"))
                .isEqualTo("there is no setting 'rebuild.speed': there are rebuild.grace, rebuild.limit,"
                        + " rebuild.paused, balance.enabled, metadata.grace, metadata.members");
        assertThat(refusal("metadata.grace", "5s")).contains("15s to 7d");
        assertThat(refusal("metadata.members", "4")).contains("keep, 3, 5");
    }

    @Test
    void changesAllOrNothing() {
        truths.refuses(
                new ChangeSettings(Map.of("balance.enabled", "false", "rebuild.grace", "1s")), TruthCode.TRUTH_REFUSED);
        assertThat(now().balance()).isTrue();
    }

    @Test
    void theSameAgainWakesNobody() {
        ChangeSettings change = new ChangeSettings(Map.of("rebuild.grace", "20m"));
        assertThat(truths.apply(change).concernsAll()).isTrue();
        Outcome again = truths.apply(change);
        assertThat(again.result().isOk()).isTrue();
        assertThat(again.concernsAll()).isFalse();
    }
}
