

def main():
    answers_folder, artifacts = arguments()
    answers = read_answers(answers_folder)
    predictions = read_predictions(artifacts, ["prediction"], answers)
    pairs = [(float(answer), number(predictions[row][0])) for row, answer in answers.items()]
    print(json.dumps({METRIC: FACTOR * metric(pairs, answers_folder), "n": len(pairs)}))


main()
