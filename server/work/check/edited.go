package check

import (
	"errors"
	"slices"

	"github.com/tubelet/tubelet/store"
)

// Edited returns what becomes of a video that the creator changed: its texts are cleaned as
// those of a new one are. Chapters that came from timestamps in the description follow it.
func Edited(before, after store.Video) (store.Video, error) {
	var err error
	if after.Title, err = Given("title", after.Title, MaxTitle); err != nil {
		return after, err
	}
	if after.Title == "" {
		return after, &Error{"title", errors.New("a video needs one")}
	}
	if after.Description, err = GivenText("description", after.Description, MaxDescription); err != nil {
		return after, err
	}
	if after.License, err = Given("license", after.License, MaxLicense); err != nil {
		return after, err
	}
	if after.Tags, err = Tags(after.Tags); err != nil {
		return after, err
	}
	if after.Language, err = Language("language", after.Language); err != nil {
		return after, err
	}
	if after.P2P, err = P2P(after.P2P); err != nil {
		return after, err
	}
	if after.Commenting, err = Commenting(after.Commenting); err != nil {
		return after, err
	}
	if after.Warning, err = Given("warning", after.Warning, MaxWarning); err != nil {
		return after, err
	}
	for i := range after.Chapters {
		after.Chapters[i].Title = Line(after.Chapters[i].Title, MaxTitle)
	}
	told := len(before.Chapters) == 0 || slices.Equal(before.Chapters, FromText(before.Description))
	if told && slices.Equal(before.Chapters, after.Chapters) && before.Description != after.Description {
		after.Chapters = FromText(after.Description)
	}
	return after, nil
}
